-- class_courses: since when a person has been on a set of medicines without a break
-- reads   listed, courses, k_set
-- gives   started_on (start of the last class course), last_change_on and latest_start (of its members on register), is_current (any member is), members (how many are on register), substances ("a+b", those on register), listed (all members of the list)
-- grain   person_id, set_name; only sets with a member on the person's list
-- rule    docs/engine.md 3. Member courses are enough: within one no gap exceeds stop_gap_days, so a class gap can only lie before the start of a course,
-- rule    and no supply of a course begun earlier ends later than its longest_end
WITH held AS (
  SELECT
    e.person_id,
    m.set_name,
    max(CASE WHEN e.on_register THEN e.last_change_on END) AS last_change_on,
    max(CASE WHEN e.on_register THEN e.started_on END) AS latest_start,
    bool_or(e.status = 'current') AS is_current,
    CAST(sum(CASE WHEN e.on_register THEN 1 ELSE 0 END) AS BIGINT) AS members,
    string_agg(CASE WHEN e.on_register THEN e.substance END, '+' ORDER BY e.substance) AS substances,
    string_agg(e.substance, '+' ORDER BY e.substance) AS listed
  FROM listed AS e
  JOIN k_set AS m ON m.substance = e.substance
  GROUP BY e.person_id, m.set_name
),
starts AS (
  SELECT h.person_id, h.set_name, c.started_on, max(c.longest_end) AS longest_end
  FROM held AS h
  JOIN k_set AS m ON m.set_name = h.set_name
  JOIN courses AS c ON c.person_id = h.person_id AND c.substance = m.substance
  GROUP BY h.person_id, h.set_name, c.started_on
),
gaps AS (
  SELECT
    s.person_id,
    s.set_name,
    s.started_on,
    date_diff(
      'day',
      max(s.longest_end) OVER (PARTITION BY s.person_id, s.set_name ORDER BY s.started_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
      s.started_on
    ) AS gap_days
  FROM starts AS s
),
begun AS (
  SELECT
    g.person_id,
    g.set_name,
    max(CASE WHEN g.gap_days <= $stop_gap_days THEN NULL ELSE g.started_on END) AS started_on
  FROM gaps AS g
  GROUP BY g.person_id, g.set_name
)
SELECT h.person_id, h.set_name, b.started_on, h.last_change_on, h.latest_start, h.is_current, h.members, h.substances, h.listed
FROM held AS h
JOIN begun AS b ON b.person_id = h.person_id AND b.set_name = h.set_name

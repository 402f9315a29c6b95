-- class_courses: since when a person has been on a set of medicines without a break
-- reads   listed, courses, k_set
-- gives   started_on (start of the last class course), last_change_on and latest_start (of its members on register), is_current (any member is), members (how many are on register), substances ("a+b", those on register), listed (all members of the list)
-- grain   person_id, set_name; only sets with a member on the person's list
-- rule    docs/engine.md 3. Member courses are enough: within one no gap exceeds stop_gap_days, so a class gap can only lie before the start of a course,
-- rule    and no supply of a course begun earlier ends later than its longest_end. Most sets hold one medicine of a person, who has had one course of it:
-- rule    names are strung together, and gaps looked for, only where there are more
WITH held AS (
  SELECT
    e.person_id,
    m.set_name,
    max(CASE WHEN e.on_register THEN e.last_change_on END) AS last_change_on,
    max(CASE WHEN e.on_register THEN e.started_on END) AS latest_start,
    bool_or(e.status = 'current') AS is_current,
    CAST(sum(CASE WHEN e.on_register THEN 1 ELSE 0 END) AS BIGINT) AS members,
    count(*) AS listed_members,
    min(CASE WHEN e.on_register THEN e.substance END) AS first_member,
    min(e.substance) AS first_listed
  FROM listed AS e
  JOIN k_set AS m ON m.substance = e.substance
  GROUP BY e.person_id, m.set_name
),
several AS (
  SELECT
    h.person_id,
    h.set_name,
    string_agg(CASE WHEN e.on_register THEN e.substance END, '+' ORDER BY e.substance) AS substances,
    string_agg(e.substance, '+' ORDER BY e.substance) AS listed
  FROM held AS h
  JOIN k_set AS m ON m.set_name = h.set_name
  JOIN listed AS e ON e.person_id = h.person_id AND e.substance = m.substance
  WHERE h.listed_members > 1
  GROUP BY h.person_id, h.set_name
),
had AS (
  SELECT h.person_id, h.set_name, c.started_on, c.longest_end
  FROM courses AS c
  JOIN k_set AS m ON m.substance = c.substance
  JOIN held AS h ON h.person_id = c.person_id AND h.set_name = m.set_name
),
spans AS (
  SELECT d.person_id, d.set_name, min(d.started_on) AS started_on, count(*) AS courses
  FROM had AS d
  GROUP BY d.person_id, d.set_name
),
gaps AS (
  SELECT
    d.person_id,
    d.set_name,
    d.started_on,
    date_diff(
      'day',
      max(d.longest_end) OVER (PARTITION BY d.person_id, d.set_name ORDER BY d.started_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
      d.started_on
    ) AS gap_days
  FROM had AS d
  JOIN spans AS s ON s.person_id = d.person_id AND s.set_name = d.set_name
  WHERE s.courses > 1
),
begun AS (
  SELECT
    g.person_id,
    g.set_name,
    max(CASE WHEN g.gap_days <= $stop_gap_days THEN NULL ELSE g.started_on END) AS started_on
  FROM gaps AS g
  GROUP BY g.person_id, g.set_name
)
SELECT
  h.person_id, h.set_name, coalesce(b.started_on, s.started_on) AS started_on, h.last_change_on, h.latest_start, h.is_current, h.members,
  CASE WHEN h.listed_members > 1 THEN v.substances ELSE h.first_member END AS substances,
  CASE WHEN h.listed_members > 1 THEN v.listed ELSE h.first_listed END AS listed
FROM held AS h
JOIN spans AS s ON s.person_id = h.person_id AND s.set_name = h.set_name
LEFT JOIN several AS v ON v.person_id = h.person_id AND v.set_name = h.set_name
LEFT JOIN begun AS b ON b.person_id = h.person_id AND b.set_name = h.set_name

-- class_spells: every class course of the set of a register by medicine, past and present
-- reads   courses, k_register, k_set
-- gives   entered_on (its start), last_start_on (of its member courses), ends_on (largest end of supply of its members), is_last (the last of the register)
-- grain   person_id, register, entered_on
-- rule    docs/engine.md 12; member courses are enough, as for class_courses
WITH starts AS (
  SELECT c.person_id, k.register, c.started_on, max(c.longest_end) AS longest_end
  FROM k_register AS k
  JOIN k_set AS m ON m.set_name = k.set_name
  JOIN courses AS c ON c.substance = m.substance
  WHERE coalesce(k.kind, 'medicine') <> 'condition'
  GROUP BY c.person_id, k.register, c.started_on
),
gaps AS (
  SELECT
    s.*,
    max(s.longest_end) OVER (PARTITION BY s.person_id, s.register ORDER BY s.started_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended_before
  FROM starts AS s
),
numbered AS (
  SELECT
    g.*,
    sum(CASE WHEN date_diff('day', g.ended_before, g.started_on) <= $stop_gap_days THEN 0 ELSE 1 END)
      OVER (PARTITION BY g.person_id, g.register ORDER BY g.started_on) AS number
  FROM gaps AS g
),
gathered AS (
  SELECT n.person_id, n.register, n.number, min(n.started_on) AS entered_on, max(n.started_on) AS last_start_on, max(n.longest_end) AS ends_on
  FROM numbered AS n
  GROUP BY n.person_id, n.register, n.number
)
SELECT
  g.person_id, g.register, g.entered_on, g.last_start_on, g.ends_on,
  row_number() OVER (PARTITION BY g.person_id, g.register ORDER BY g.entered_on DESC) = 1 AS is_last
FROM gathered AS g

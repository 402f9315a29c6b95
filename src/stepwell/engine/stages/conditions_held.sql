-- conditions_held: the conditions that hold of a person at as_of: states on the problem list, and events that still count
-- reads   problems, happenings, k_condition
-- gives   from_on (null when not known), evidence in words
-- grain   person_id, condition
-- rule    docs/engine.md 5 and 14: an event counts for its span from its latest record, unless a record that ends it came on that day or later
WITH spans AS (
  SELECT k.condition, k.ended_by, coalesce(k.lasts_months, 0) AS lasts_months, coalesce(k.lasts_days, 0) AS lasts_days
  FROM k_condition AS k
  WHERE k.lasts_months IS NOT NULL OR k.lasts_days IS NOT NULL
)
SELECT
  h.person_id, h.condition, h.from_on,
  'on the problem list' || CASE WHEN h.from_on IS NULL THEN '' ELSE ' since ' || CAST(h.from_on AS VARCHAR) END AS evidence
FROM problems AS h
LEFT JOIN spans AS s ON s.condition = h.condition
WHERE s.condition IS NULL
UNION ALL
SELECT n.person_id, n.condition, n.on_date AS from_on, 'recorded on ' || CAST(n.on_date AS VARCHAR) AS evidence
FROM happenings AS n
JOIN spans AS s ON s.condition = n.condition
LEFT JOIN happenings AS e ON e.person_id = n.person_id AND e.condition = s.ended_by AND e.on_date >= n.on_date
WHERE add_months(n.on_date, s.lasts_months) + s.lasts_days > $as_of AND e.person_id IS NULL

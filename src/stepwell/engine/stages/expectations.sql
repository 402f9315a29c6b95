-- expectations: whether supply of a medicine was expected to go on, was replaced, or its end was answered for
-- reads   last_courses, repeats, k_register, k_set, k_rule, dispositions
-- gives   expected (by plan or covered days), expected_always (a rule about it says so), replaced (by another of its register), answered (done or not applicable since it ended)
-- grain   person_id, substance; last courses on register or ended less than lapsed_months ago
-- rule    docs/engine.md 11 and 13; rulings 13 and 14
WITH asked AS (
  SELECT l.*
  FROM last_courses AS l
  WHERE l.status <> 'stopped' OR add_months(l.supply_ends_on, $lapsed_months) > $as_of
),
planned AS (
  SELECT DISTINCT r.person_id, r.substance
  FROM repeats AS r
  WHERE r.substance IS NOT NULL
),
always AS (
  SELECT DISTINCT m.substance
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  WHERE r.kind = 'supply' AND r.about = 'nobody always'
),
alike AS (
  SELECT DISTINCT one.substance, other.substance AS other
  FROM k_register AS k
  JOIN k_set AS one ON one.set_name = k.set_name
  JOIN k_set AS other ON other.set_name = k.set_name AND other.substance <> one.substance
  WHERE coalesce(k.kind, 'medicine') <> 'condition'
),
replaced AS (
  SELECT DISTINCT a.person_id, a.substance
  FROM asked AS a
  JOIN alike AS k ON k.substance = a.substance
  JOIN last_courses AS o ON o.person_id = a.person_id AND o.substance = k.other
  WHERE o.status <> 'stopped' AND o.started_on >= a.supply_ends_on - CAST($stop_gap_days AS INTEGER)
),
answered AS (
  SELECT DISTINCT a.person_id, a.substance
  FROM dispositions AS d
  JOIN k_rule AS r ON r.rule_id = d.rule_id AND r.kind = 'supply' AND r.about IN ('nobody', 'nobody always')
  JOIN asked AS a ON a.person_id = d.person_id AND a.substance = d.subject
  WHERE d.kind IN ('done', 'not applicable') AND d.on_date >= a.supply_ends_on AND d.on_date <= $as_of
)
SELECT
  a.person_id,
  a.substance,
  p.person_id IS NOT NULL OR coalesce(a.covered_days >= $expected_days, FALSE) AS expected,
  w.substance IS NOT NULL AS expected_always,
  r.person_id IS NOT NULL AS replaced,
  d.person_id IS NOT NULL AS answered
FROM asked AS a
LEFT JOIN planned AS p ON p.person_id = a.person_id AND p.substance = a.substance
LEFT JOIN always AS w ON w.substance = a.substance
LEFT JOIN replaced AS r ON r.person_id = a.person_id AND r.substance = a.substance
LEFT JOIN answered AS d ON d.person_id = a.person_id AND d.substance = a.substance

-- gaps: medicines whose supply has run out although it was expected, or did so lately and went on; and medicines that several supply
-- reads   listed, expectations, licences, suppliers, chains, supply, k_rule, k_set, k_substance
-- gives   point, base_on, due_on, escalates_on (null = by the rule), resumed_on (the day supply went on, null while it has not), supplied_by, words
-- grain   person_id, rule_id, substance
-- rule    docs/engine.md 13; rulings 13 and 14
WITH asked AS (
  SELECT
    e.person_id, r.rule_id, r.about, e.substance, e.on_register, e.course, e.started_on, e.supply_ends_on, e.last_issued_on,
    CASE WHEN l.intended_end_on <= e.supply_ends_on THEN 0 ELSE coalesce(r.after_days, 0) + coalesce(k.late_days, 0) END AS late_days,
    r.about = 'nobody always' OR x.expected AS expected,
    x.replaced,
    s.supplied_by
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN listed AS e ON e.substance = m.substance
  JOIN expectations AS x ON x.person_id = e.person_id AND x.substance = e.substance
  JOIN licences AS l ON l.person_id = e.person_id AND l.substance = e.substance
  JOIN suppliers AS s ON s.person_id = e.person_id AND s.substance = e.substance
  LEFT JOIN k_substance AS k ON k.substance = e.substance
  WHERE r.kind = 'supply'
),
ended AS (
  SELECT
    a.*,
    $as_of >= a.supply_ends_on + CAST(a.late_days AS INTEGER) AND NOT a.replaced AS is_open
  FROM asked AS a
  WHERE a.about IN ('nobody', 'nobody always') AND a.expected
),
resumed AS (
  SELECT
    e.person_id, e.rule_id, e.substance, c.ended_before, c.on_date,
    row_number() OVER (PARTITION BY e.person_id, e.rule_id, e.substance ORDER BY c.on_date DESC) AS place
  FROM ended AS e
  JOIN chains AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.course = e.course
  WHERE NOT e.is_open AND c.on_date > e.started_on AND c.gap_days > 0 AND c.gap_days >= e.late_days AND c.on_date > $as_of - CAST($supplier_days AS INTEGER)
),
alone AS (
  SELECT
    e.person_id, e.rule_id, e.substance, e.late_days, e.supplied_by, e.last_issued_on,
    CASE WHEN e.is_open THEN e.supply_ends_on ELSE r.ended_before END AS base_on,
    CASE WHEN NOT e.is_open THEN r.on_date END AS resumed_on
  FROM ended AS e
  LEFT JOIN resumed AS r ON r.person_id = e.person_id AND r.rule_id = e.rule_id AND r.substance = e.substance AND r.place = 1
  WHERE e.is_open OR r.person_id IS NOT NULL
),
shared AS (
  SELECT a.person_id, a.rule_id, a.substance, a.supplied_by, s.supplier, min(s.on_date) AS on_date
  FROM asked AS a
  JOIN supply AS s ON s.person_id = a.person_id AND s.substance = a.substance AND s.on_date >= a.started_on
  WHERE a.about = 'both' AND a.on_register AND a.supplied_by LIKE '%+%' AND '+' || a.supplied_by || '+' LIKE '%+' || s.supplier || '+%'
  GROUP BY a.person_id, a.rule_id, a.substance, a.supplied_by, s.supplier
)
SELECT
  a.person_id,
  a.rule_id,
  a.substance,
  CAST(a.base_on AS VARCHAR) AS point,
  a.base_on,
  a.base_on + CAST(a.late_days AS INTEGER) AS due_on,
  a.base_on + CAST($stop_gap_days AS INTEGER) + 1 AS escalates_on,
  a.resumed_on,
  FALSE AS by_several,
  'supplied until ' || CAST(a.base_on AS VARCHAR) || ' by ' || a.supplied_by
    || CASE WHEN a.last_issued_on IS NULL THEN '' ELSE ', last issue ' || CAST(a.last_issued_on AS VARCHAR) END AS words
FROM alone AS a
UNION ALL
SELECT
  s.person_id,
  s.rule_id,
  s.substance,
  'ongoing' AS point,
  max(s.on_date) AS base_on,
  max(s.on_date) AS due_on,
  CAST(NULL AS DATE) AS escalates_on,
  CAST(NULL AS DATE) AS resumed_on,
  TRUE AS by_several,
  'supplied by ' || s.supplied_by || ' since ' || CAST(max(s.on_date) AS VARCHAR) AS words
FROM shared AS s
GROUP BY s.person_id, s.rule_id, s.substance, s.supplied_by

-- points: when each point of a rule opens, is due and lapses for each person
-- reads   applicable, k_point
-- gives   base_on (what it counts from), opens_on, closes_on (window: last day, null = none), due_on, lapses_on (null = never), and for ongoing rows their intervals, until_on (evidence before it, null = any), first_due (due_on is when it is due without evidence), spread
-- grain   person_id, rule_id, subject, seq
-- rule    docs/engine.md 7 and 15; a result rule uses its first point only, named by the day of the trigger
WITH numbered AS (
  SELECT k.*, row_number() OVER (PARTITION BY k.rule_id ORDER BY k.seq) AS place
  FROM k_point AS k
),
based AS (
  SELECT
    a.person_id, a.rule_id, a.subject, a.kind AS rule_kind,
    coalesce(a.point, k.point) AS point,
    k.seq, k.kind,
    CASE WHEN k.anchor = 'change' THEN a.change_on WHEN k.anchor = 'start' THEN a.start_on ELSE a.anchor_on END AS base_on,
    k.from_months, k.from_days, k.to_months, k.to_days, k.due_months, k.due_days, k.lapse_months, k.lapse_days,
    k.every_months, k.every_days, k.sooner_months, k.sooner_days, k.until_months, k.until_days, k.spread
  FROM applicable AS a
  JOIN numbered AS k ON k.rule_id = a.rule_id
  WHERE a.kind NOT IN ('agree', 'supply') AND (a.kind <> 'result' OR k.place = 1)
)
SELECT
  b.person_id, b.rule_id, b.subject, b.point, b.seq, b.kind, b.base_on,
  add_months(b.base_on, coalesce(b.from_months, 0)) + coalesce(b.from_days, 0) AS opens_on,
  CASE WHEN b.to_months IS NOT NULL OR b.to_days IS NOT NULL THEN add_months(b.base_on, coalesce(b.to_months, 0)) + coalesce(b.to_days, 0) END AS closes_on,
  add_months(b.base_on, coalesce(b.due_months, 0)) + coalesce(b.due_days, 0) AS due_on,
  CASE WHEN b.lapse_months IS NOT NULL OR b.lapse_days IS NOT NULL THEN add_months(b.base_on, coalesce(b.lapse_months, 0)) + coalesce(b.lapse_days, 0) END AS lapses_on,
  b.every_months, b.every_days, b.sooner_months, b.sooner_days,
  CASE WHEN b.until_months IS NOT NULL OR b.until_days IS NOT NULL THEN add_months(b.base_on, coalesce(b.until_months, 0)) + coalesce(b.until_days, 0) END AS until_on,
  b.due_months IS NOT NULL OR b.due_days IS NOT NULL AS first_due,
  coalesce(b.spread, FALSE) AS spread
FROM based AS b

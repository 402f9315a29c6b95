-- measures: how much of each medicine of the list counts, for how long, and how steadily it was supplied
-- reads   listed, chains, doses, regimens
-- gives   counted_ug (micrograms a day, null when not known), months, covered_percent (null for a younger course and when required), early_issues
-- grain   person_id, substance
-- rule    docs/engine.md 11; ruling 15: what is taken when required counts at the rate really issued
WITH rates AS (
  SELECT d.person_id, d.substance, CAST(sum(d.rate_ug) AS BIGINT) // nullif($rate_days, 0) AS rate_ug
  FROM doses AS d
  WHERE d.plan_key IS NULL AND d.rate_ug IS NOT NULL AND d.on_date > $as_of - CAST($rate_days AS INTEGER)
  GROUP BY d.person_id, d.substance
),
of_course AS (
  SELECT
    c.person_id, c.substance, e.started_on, c.on_date, c.ends_on, c.ended_before, c.issued,
    max(c.ends_on) OVER (PARTITION BY c.person_id, c.substance ORDER BY c.on_date ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS covered_to
  FROM listed AS e
  JOIN chains AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.course = e.course
),
spans AS (
  SELECT
    c.person_id, c.substance,
    greatest(c.on_date, coalesce(c.covered_to, c.on_date), $as_of - CAST($covered_days AS INTEGER)) AS from_on,
    least(c.ends_on, $as_of) AS to_on,
    c.issued AND c.on_date > add_months($as_of, 0 - $early_months)
      AND date_diff('day', c.on_date, CASE WHEN c.on_date > c.started_on THEN c.ended_before END) > $early_days AS is_early
  FROM of_course AS c
),
covered AS (
  SELECT
    s.person_id, s.substance,
    CAST(sum(CASE WHEN s.to_on > s.from_on THEN date_diff('day', s.from_on, s.to_on) ELSE 0 END) AS BIGINT) AS days,
    sum(CASE WHEN s.is_early THEN 1 ELSE 0 END) AS early_issues
  FROM spans AS s
  GROUP BY s.person_id, s.substance
),
turned AS (
  SELECT
    e.person_id, e.substance, e.started_on,
    12 * (year($as_of) - year(e.started_on)) + month($as_of) - month(e.started_on) AS months
  FROM listed AS e
)
SELECT
  t.person_id,
  t.substance,
  CASE WHEN g.as_required THEN r.rate_ug ELSE g.daily_ug END AS counted_ug,
  CASE WHEN add_months(t.started_on, t.months) <= $as_of THEN t.months ELSE t.months - 1 END AS months,
  CASE
    WHEN NOT g.as_required AND t.started_on <= $as_of - CAST($covered_days AS INTEGER) THEN 100 * c.days // nullif($covered_days, 0)
  END AS covered_percent,
  c.early_issues
FROM turned AS t
JOIN regimens AS g ON g.person_id = t.person_id AND g.substance = t.substance
JOIN covered AS c ON c.person_id = t.person_id AND c.substance = t.substance
LEFT JOIN rates AS r ON r.person_id = t.person_id AND r.substance = t.substance

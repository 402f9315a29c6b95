-- risks: parts of a risk that are out of range now, counted together
-- reads   triggers, readings, k_risk
-- gives   value (how many parts), from_on (the day the latest part joined, each since the first run of its rules), evidence ("glucose since 2026-01-05, weight since 2026-02-01")
-- grain   person_id, risk
-- rule    docs/engine.md 17: a part is out of range while the last result lies in the band of one of its rules, and that result is no older than within_months
WITH parts AS (
  SELECT t.person_id, k.risk, k.part, max(k.label) AS label, min(t.run_on) AS since
  FROM triggers AS t
  JOIN k_risk AS k ON k.rule_id = t.rule_id
  JOIN readings AS r ON r.person_id = t.person_id AND r.test = t.test AND r.is_latest_number
  WHERE k.within_months IS NULL OR r.on_date > add_months($as_of, 0 - k.within_months)
  GROUP BY t.person_id, k.risk, k.part
)
SELECT
  p.person_id,
  p.risk,
  count(*) AS value,
  max(p.since) AS from_on,
  string_agg(p.label || ' since ' || CAST(p.since AS VARCHAR), ', ' ORDER BY p.label, p.part) AS evidence
FROM parts AS p
GROUP BY p.person_id, p.risk

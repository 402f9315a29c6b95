-- events: one regimen per person, substance and day
-- reads   supply
-- gives   days, daily_ug (null when any part is unknown), trust, as_required, issued (a real issue, not only a plan), plan_days (longest supply of a plan among them, null without)
-- grain   person_id, substance, on_date
-- rule    ruling 21: the same product with the same text twice adds days, different ones add dose and last as long as the longest
WITH parts AS (
  SELECT
    s.person_id, s.substance, s.on_date, s.plan_key,
    CAST(sum(s.days) AS BIGINT) AS days,
    max(s.daily_ug) AS daily_ug,
    max(s.trust) AS trust,
    bool_and(s.as_required) AS as_required
  FROM supply AS s
  GROUP BY s.person_id, s.substance, s.on_date, s.plan_key, s.supplier, s.org_code, s.code, s.term, s.dose_text
)
SELECT
  p.person_id,
  p.substance,
  p.on_date,
  max(p.days) AS days,
  CASE WHEN count(p.daily_ug) = count(*) THEN CAST(sum(p.daily_ug) AS BIGINT) END AS daily_ug,
  max(p.trust) AS trust,
  bool_and(p.as_required) AS as_required,
  count(*) > count(p.plan_key) AS issued,
  max(CASE WHEN p.plan_key IS NOT NULL THEN p.days END) AS plan_days
FROM parts AS p
GROUP BY p.person_id, p.substance, p.on_date

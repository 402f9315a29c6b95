-- supply: days and daily dose of every prescription
-- reads   doses, intervals
-- gives   days, daily_ug (micrograms a day, null when not known), trust (1 structured, 2 text, 3 estimated, 4 unknown: worse is larger), supplier and organisation
-- grain   as prescriptions
-- rule    docs/engine.md 2: stated supply, quantity, own interval, default; clamped. Ruling 15: without an instruction quantity ÷ days, marked estimated;
-- rule    patches without an instruction: as many at once as the quantity makes over its days, else one (docs/engine.md 11)
WITH lasting AS (
  SELECT
    d.person_id, d.substance, d.plan_key, d.on_date, d.supplier, d.org_code, d.code, d.term, d.dose_text, d.dose_status, d.as_required, d.stated_ug, d.quantity_ug, d.patch_ug, d.patch_milli_hours,
    CASE
      WHEN d.plan_key IS NOT NULL THEN d.plan_days
      ELSE least(greatest(coalesce(CASE WHEN d.days_supply > 0 THEN d.days_supply END, d.quantity_days, i.interval_days, $default_days), $min_days), $max_days)
    END AS days
  FROM doses AS d
  LEFT JOIN intervals AS i ON i.person_id = d.person_id AND i.substance = d.substance
)
SELECT
  l.person_id, l.substance, l.plan_key, l.on_date, l.supplier, l.org_code, l.code, l.term, l.dose_text, l.as_required, l.days,
  CASE
    WHEN l.stated_ug IS NOT NULL THEN l.stated_ug
    WHEN l.plan_key IS NULL AND l.patch_ug IS NOT NULL
      THEN greatest(coalesce((l.patch_milli_hours + 12000 * l.days) // nullif(24000 * l.days, 0), 1), 1) * l.patch_ug
    WHEN l.plan_key IS NULL THEN l.quantity_ug // nullif(l.days, 0)
  END AS daily_ug,
  CASE
    WHEN l.stated_ug IS NOT NULL AND l.dose_status = 'structured' THEN 1
    WHEN l.stated_ug IS NOT NULL THEN 2
    WHEN l.plan_key IS NULL AND (l.patch_ug IS NOT NULL OR l.quantity_ug IS NOT NULL) THEN 3
    ELSE 4
  END AS trust
FROM lasting AS l

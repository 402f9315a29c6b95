-- falls: people whose eGFR is falling
-- reads   readings, k_category, k_param (egfr_fall_milli, egfr_fall_percent)
-- gives   drop_milli (highest of the window − latest), on_date (latest), number and unit of the latest
-- grain   person_id
-- rule    docs/engine.md 5; ruling 7
WITH latest AS (
  SELECT r.person_id, r.on_date, r.value_milli, r.number, r.unit
  FROM readings AS r
  WHERE r.test = 'egfr' AND r.is_latest_number
),
dropped AS (
  SELECT l.person_id, l.on_date, l.value_milli, l.number, l.unit, max(r.value_milli) AS highest_milli
  FROM latest AS l
  JOIN readings AS r ON r.person_id = l.person_id AND r.test = 'egfr' AND r.on_date >= add_months(l.on_date, 0 - $egfr_fall_months)
  GROUP BY l.person_id, l.on_date, l.value_milli, l.number, l.unit
),
banded AS (
  SELECT
    d.person_id, d.on_date, d.value_milli, d.number, d.unit, d.highest_milli,
    d.highest_milli - d.value_milli AS drop_milli,
    coalesce(sum(CASE WHEN k.low_milli <= d.value_milli THEN 1 ELSE 0 END), 0) AS band,
    coalesce(sum(CASE WHEN k.low_milli <= d.highest_milli THEN 1 ELSE 0 END), 0) AS highest_band
  FROM dropped AS d
  LEFT JOIN k_category AS k ON k.test = 'egfr'
  GROUP BY d.person_id, d.on_date, d.value_milli, d.number, d.unit, d.highest_milli
)
SELECT b.person_id, b.on_date, b.drop_milli, b.number, b.unit
FROM banded AS b
WHERE b.drop_milli >= $egfr_fall_milli
  OR (b.drop_milli * 100 >= $egfr_fall_percent * b.highest_milli AND b.band <> b.highest_band)

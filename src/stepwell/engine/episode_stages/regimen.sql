-- regimen: one event a chain and day, the rows of a day being parts of one dose (two strengths)
-- reads   issues (chain, on_date, days, dose)
-- gives   days (the longest of the day), dose (their sum, null when one is not known; 1 when doses are not to count), units (null: days × dose)
-- grain   chain, on_date
-- rule    same day, same medicine: sum dose, max days
SELECT
  i.chain,
  i.on_date,
  max(i.days) AS days,
  CASE WHEN $dose_aware = 0 THEN 1 WHEN count(i.dose) = count(*) THEN CAST(sum(i.dose) AS BIGINT) END AS dose,
  CAST(NULL AS BIGINT) AS units
FROM issues AS i
GROUP BY i.chain, i.on_date

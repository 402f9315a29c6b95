-- stack: one event a chain and day, the rows of a day being supplies taken one after the other (a holiday issue)
-- reads   issues (chain, on_date, days, dose, place: the row's place in the file)
-- gives   days (their sum), dose (that of the day's last row, null when one is not known), units (dose × days supplied, null when one dose is not known)
-- grain   chain, on_date
-- rule    same day, same medicine: add days; doses that differ add what is supplied, taken at the last row's dose
SELECT
  i.chain,
  i.on_date,
  CAST(sum(i.days) AS BIGINT) AS days,
  CASE WHEN count(i.dose) = count(*) THEN arg_max(i.dose, i.place) END AS dose,
  CASE WHEN count(i.dose) = count(*) THEN CAST(sum(i.days * i.dose) AS BIGINT) END AS units
FROM issues AS i
GROUP BY i.chain, i.on_date

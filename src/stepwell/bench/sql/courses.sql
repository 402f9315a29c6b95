-- courses: the same file of issues to the same file of courses in one statement, by hand, for DuckDB
-- leaves out: the cap on carry-over (it is compared with `stepwell courses --carry-cap none`), every check of the input, unknown doses, whole-number doses
--   (it counts in floating point), --until and --same-day stack
COPY (
  WITH read AS (
    SELECT patient, medicine, date AS on_date, max(days) AS days, sum(dose) AS dose
    FROM read_csv('$file', header = true, columns = {'patient': 'VARCHAR', 'medicine': 'VARCHAR', 'date': 'DATE', 'days': 'INTEGER', 'dose': 'DOUBLE'})
    GROUP BY ALL
  ),
  stepped AS (
    SELECT *, lead(on_date) OVER w AS next_on, max(on_date) OVER () AS until, row_number() OVER w AS place
    FROM read WINDOW w AS (PARTITION BY patient, medicine ORDER BY on_date)
  ),
  summed AS (
    SELECT *, sum((days - (coalesce(next_on, until) - on_date)) * dose) OVER (PARTITION BY patient, medicine ORDER BY place) AS total
    FROM stepped
  ),
  floored AS (
    SELECT *,
      coalesce(least(0, min(total) OVER (PARTITION BY patient, medicine ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), 0) AS low
    FROM summed
  ),
  lasts AS (
    SELECT *, (low - total) / dose AS gap, (low - total) / dose > $gap AS ended FROM floored WHERE next_on IS NULL OR (low - total) / dose > $gap
  ),
  firsts AS (SELECT patient, medicine, min(on_date) AS first_on FROM read GROUP BY ALL)
  SELECT l.patient, l.medicine, row_number() OVER w AS course, coalesce(lag(next_on) OVER w, first_on) AS "start",
    CASE WHEN ended THEN on_date + CAST(floor((total - low) / dose + (coalesce(next_on, until) - on_date) + 1e-9) AS INTEGER) ELSE until END AS "end",
    "end" - "start" AS days, round(greatest(0, gap), 4) AS gap, NOT ended AS censored
  FROM lasts l JOIN firsts f USING (patient, medicine)
  WINDOW w AS (PARTITION BY l.patient, l.medicine ORDER BY place)
  ORDER BY l.patient, l.medicine, course
) TO '$answer' (HEADER)

-- check_intervals: how often each test is asked for of people on the register once their first year is over
-- reads   asked_tests, wanted_substances, k_set, k_rule, k_point, k_when
-- gives   months, days
-- grain   test
-- rule    the ongoing point of the monitoring rule that speaks of most of the register's medicines, of equal ones the most frequent; a rule for one medicine, or
-- rule    for some people (`applies`), is no interval for everybody: their own needs are evaluated in full. A test no rule asks for has no row
WITH covering AS (
  SELECT r.rule_id, r.test, count(*) AS members
  FROM k_rule AS r
  JOIN asked_tests AS a ON a.test = r.test
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN wanted_substances AS w ON w.substance = m.substance
  WHERE r.kind = 'monitor' AND r.rule_id NOT IN (SELECT c.rule_id FROM k_when AS c WHERE c.part = 'applies')
  GROUP BY r.rule_id, r.test
),
ranked AS (
  SELECT
    c.test,
    coalesce(p.every_months, 0) AS months,
    coalesce(p.every_days, 0) AS days,
    row_number() OVER (
      PARTITION BY c.test
      ORDER BY c.members DESC, coalesce(p.every_months, 0) * 31 + coalesce(p.every_days, 0), c.rule_id
    ) AS place
  FROM covering AS c
  JOIN k_point AS p ON p.rule_id = c.rule_id AND p.kind = 'ongoing' AND p.until_months IS NULL AND p.until_days IS NULL
)
SELECT r.test, r.months, r.days
FROM ranked AS r
WHERE r.place = 1

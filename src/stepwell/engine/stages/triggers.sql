-- triggers: result rules whose last result lies in their band, and the day the present run of such results began
-- reads   exposure, readings, k_rule, k_set, k_band
-- gives   subject (the medicine begun first, or the class), trigger_on, test and words of that day's largest value
-- grain   person_id, rule_id
-- rule    docs/engine.md 6; ruling 5: days run from the day the record shows the trigger
WITH members AS (
  SELECT
    e.person_id, r.rule_id, r.per, r.set_name, r.lookback_months, e.substance, e.started_on,
    row_number() OVER (PARTITION BY e.person_id, r.rule_id ORDER BY e.started_on, e.substance) AS place
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN exposure AS e ON e.substance = m.substance
  WHERE r.kind = 'result'
),
looked AS (
  SELECT
    m.person_id,
    m.rule_id,
    max(CASE WHEN m.per = 'class' THEN m.set_name WHEN m.place = 1 THEN m.substance END) AS subject,
    add_months(max(m.started_on), 0 - max(coalesce(m.lookback_months, 0))) AS from_on
  FROM members AS m
  GROUP BY m.person_id, m.rule_id
),
seen AS (
  SELECT
    l.person_id, l.rule_id, l.subject, b.test, v.on_date, v.value_milli, v.words,
    (b.low_milli IS NULL OR v.value_milli > b.low_milli OR (coalesce(b.low_closed, FALSE) AND v.value_milli = b.low_milli))
      AND (b.high_milli IS NULL OR v.value_milli < b.high_milli OR (coalesce(b.high_closed, FALSE) AND v.value_milli = b.high_milli)) AS inside
  FROM looked AS l
  JOIN k_band AS b ON b.rule_id = l.rule_id
  JOIN readings AS v ON v.person_id = l.person_id AND v.test = b.test AND v.value_milli IS NOT NULL AND v.on_date >= l.from_on
),
run AS (
  SELECT
    s.*,
    max(CASE WHEN s.inside THEN NULL ELSE s.on_date END) OVER (PARTITION BY s.person_id, s.rule_id) AS last_outside
  FROM seen AS s
),
ranked AS (
  SELECT
    r.*,
    row_number() OVER (PARTITION BY r.person_id, r.rule_id ORDER BY r.on_date) AS place
  FROM run AS r
  WHERE r.inside AND (r.last_outside IS NULL OR r.on_date > r.last_outside)
)
SELECT k.person_id, k.rule_id, k.subject, k.on_date AS trigger_on, k.test, k.value_milli, k.words
FROM ranked AS k
WHERE k.place = 1

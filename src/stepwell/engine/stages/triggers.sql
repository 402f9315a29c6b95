-- triggers: result rules whose last result lies in their band, and the day the present run of such results began, anew after an answer
-- reads   exposure, results, readings, answers, k_rule, k_set, k_band, k_test
-- gives   subject (the medicine begun first, or the class), run_on (first day of the run), trigger_on, test, value_milli and words of that day, and for a rise the baseline
-- grain   person_id, rule_id
-- rule    docs/engine.md 6 and 15; ruling 5: days run from the day the record shows the trigger.
-- rule    measure: the value itself, its rise above the baseline, or against the lowest or highest of the days before
-- rule    again: the trigger is the first day of the run late enough after the answer to the latest answered day of it; without such a day that answered day
WITH members AS (
  SELECT
    e.person_id, r.rule_id, r.per, r.set_name, r.lookback_months, e.substance, e.started_on,
    row_number() OVER (PARTITION BY e.person_id, r.rule_id ORDER BY e.started_on, e.substance) AS place
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN exposure AS e ON e.substance = m.substance
  WHERE r.kind = 'result'
),
starts AS (
  SELECT
    m.person_id,
    m.rule_id,
    max(CASE WHEN m.per = 'class' THEN m.set_name WHEN m.place = 1 THEN m.substance END) AS subject,
    max(m.started_on) AS latest_on,
    min(m.started_on) AS earliest_on,
    max(coalesce(m.lookback_months, 0)) AS lookback_months
  FROM members AS m
  GROUP BY m.person_id, m.rule_id
),
looked AS (
  SELECT
    s.person_id, s.rule_id, s.subject, s.earliest_on,
    coalesce(b.measure, 'value') AS measure,
    b.test, b.within_days, b.low_milli, coalesce(b.low_closed, FALSE) AS low_closed, b.high_milli, coalesce(b.high_closed, FALSE) AS high_closed,
    b.again_months, b.again_days, s.lookback_months,
    add_months(CASE WHEN b.measure IN ('rise', 'rise percent') THEN s.earliest_on ELSE s.latest_on END, 0 - s.lookback_months) AS from_on
  FROM starts AS s
  JOIN k_band AS b ON b.rule_id = s.rule_id
),
lowest AS (
  SELECT
    q.person_id, r.test, r.effective_on AS on_date, r.value_milli, coalesce(r.comparator, '') AS comparator,
    row_number() OVER (PARTITION BY q.person_id, r.test, r.effective_on ORDER BY r.value_milli, r.comparator NULLS FIRST) AS place
  FROM (SELECT DISTINCT l.person_id, l.test FROM looked AS l WHERE l.measure = 'fall within') AS q
  JOIN results AS r ON r.person_id = q.person_id AND r.test = q.test
  WHERE r.value_milli IS NOT NULL
),
days AS (
  SELECT v.person_id, v.test, v.on_date, v.value_milli, v.words, 'largest' AS chosen
  FROM readings AS v
  WHERE v.value_milli IS NOT NULL
  UNION ALL
  SELECT
    w.person_id, w.test, w.on_date, w.value_milli,
    w.comparator || CASE WHEN w.value_milli < 0 THEN '-' ELSE '' END || CAST(abs(w.value_milli) // 1000 AS VARCHAR)
      || CASE WHEN w.value_milli % 1000 = 0 THEN '' ELSE '.' || rtrim(lpad(CAST(abs(w.value_milli) % 1000 AS VARCHAR), 3, '0'), '0') END
      || CASE WHEN t.unit IS NULL THEN '' ELSE ' ' || t.unit END || ' on ' || CAST(w.on_date AS VARCHAR) AS words,
    'smallest' AS chosen
  FROM lowest AS w
  LEFT JOIN k_test AS t ON t.test = w.test
  WHERE w.place = 1
),
based AS (
  SELECT
    l.person_id, l.rule_id, d.on_date, d.value_milli, d.words,
    row_number() OVER (
      PARTITION BY l.person_id, l.rule_id
      ORDER BY
        CASE WHEN d.on_date <= l.earliest_on THEN 0 ELSE 1 END,
        CASE WHEN d.on_date <= l.earliest_on THEN date_diff('day', d.on_date, l.earliest_on) ELSE date_diff('day', l.earliest_on, d.on_date) END
    ) AS place
  FROM looked AS l
  JOIN days AS d ON d.person_id = l.person_id AND d.test = l.test AND d.chosen = 'largest'
  WHERE l.measure IN ('rise', 'rise percent')
    AND d.on_date >= add_months(l.earliest_on, 0 - $baseline_months) AND d.on_date <= l.earliest_on + CAST($baseline_days AS INTEGER)
),
around AS (
  SELECT l.person_id, l.rule_id, d.on_date, min(b.value_milli) AS lowest_milli, max(b.value_milli) AS highest_milli
  FROM looked AS l
  JOIN days AS d ON d.person_id = l.person_id AND d.test = l.test AND d.on_date >= l.from_on
    AND d.chosen = CASE WHEN l.measure = 'fall within' THEN 'smallest' ELSE 'largest' END
  JOIN days AS b ON b.person_id = d.person_id AND b.test = d.test AND b.chosen = d.chosen
    AND b.on_date < d.on_date AND b.on_date >= d.on_date - CAST(l.within_days AS INTEGER)
  WHERE l.measure IN ('rise within', 'fall within')
  GROUP BY l.person_id, l.rule_id, d.on_date
),
measured AS (
  SELECT
    l.person_id, l.rule_id, l.subject, l.test, l.low_milli, l.low_closed, l.high_milli, l.high_closed, l.again_months, l.again_days, l.lookback_months,
    d.on_date, d.value_milli, d.words, b.on_date AS baseline_on, b.value_milli AS baseline_milli, b.words AS baseline_words,
    CASE l.measure
      WHEN 'value' THEN d.value_milli
      WHEN 'rise' THEN d.value_milli - b.value_milli
      WHEN 'rise percent' THEN CASE
        WHEN b.value_milli <= 0 THEN NULL
        WHEN d.value_milli < b.value_milli THEN 0 - (((b.value_milli - d.value_milli) * 10000 + b.value_milli - 1) // nullif(b.value_milli, 0))
        ELSE (d.value_milli - b.value_milli) * 10000 // nullif(b.value_milli, 0)
      END
      WHEN 'rise within' THEN d.value_milli - w.lowest_milli
      WHEN 'fall within' THEN w.highest_milli - d.value_milli
    END AS measure_milli
  FROM looked AS l
  JOIN days AS d ON d.person_id = l.person_id AND d.test = l.test AND d.on_date >= l.from_on
    AND d.chosen = CASE WHEN l.measure = 'fall within' THEN 'smallest' ELSE 'largest' END
  LEFT JOIN based AS b ON b.person_id = l.person_id AND b.rule_id = l.rule_id AND b.place = 1
  LEFT JOIN around AS w ON w.person_id = l.person_id AND w.rule_id = l.rule_id AND w.on_date = d.on_date
  WHERE l.measure NOT IN ('rise', 'rise percent') OR d.on_date > b.on_date
),
seen AS (
  SELECT
    m.*,
    m.measure_milli IS NOT NULL
      AND (m.low_milli IS NULL OR m.measure_milli > m.low_milli OR (m.low_closed AND m.measure_milli = m.low_milli))
      AND (m.high_milli IS NULL OR m.measure_milli < m.high_milli OR (m.high_closed AND m.measure_milli = m.high_milli)) AS inside
  FROM measured AS m
),
run AS (
  SELECT
    s.*,
    max(CASE WHEN s.inside THEN NULL ELSE s.on_date END) OVER (PARTITION BY s.person_id, s.rule_id) AS last_outside
  FROM seen AS s
),
present AS (
  SELECT r.*, min(r.on_date) OVER (PARTITION BY r.person_id, r.rule_id) AS run_on
  FROM run AS r
  WHERE r.inside AND (r.last_outside IS NULL OR r.on_date > r.last_outside)
),
answered AS (
  SELECT
    p.person_id, p.rule_id, p.on_date AS point_on, min(s.on_date) AS answered_on,
    row_number() OVER (PARTITION BY p.person_id, p.rule_id ORDER BY p.on_date DESC) AS place
  FROM present AS p
  JOIN answers AS s ON s.person_id = p.person_id AND s.rule_id = p.rule_id AND s.subject = p.subject AND s.point = CAST(p.on_date AS VARCHAR)
  WHERE (p.again_months IS NOT NULL OR p.again_days IS NOT NULL)
    AND s.rank IS NOT NULL AND s.on_date >= add_months(p.on_date, 0 - p.lookback_months)
  GROUP BY p.person_id, p.rule_id, p.on_date
),
turned AS (
  SELECT
    p.*,
    CASE
      WHEN a.point_on IS NULL THEN 0
      WHEN p.on_date > a.point_on AND p.on_date > add_months(a.answered_on, coalesce(p.again_months, 0)) + coalesce(p.again_days, 0) THEN 0
      WHEN p.on_date = a.point_on THEN 1
      ELSE 2
    END AS turn
  FROM present AS p
  LEFT JOIN answered AS a ON a.person_id = p.person_id AND a.rule_id = p.rule_id AND a.place = 1
),
ranked AS (
  SELECT t.*, row_number() OVER (PARTITION BY t.person_id, t.rule_id ORDER BY t.turn, t.on_date) AS place
  FROM turned AS t
)
SELECT
  k.person_id, k.rule_id, k.subject, k.run_on, k.on_date AS trigger_on, k.test, k.value_milli, k.words,
  k.baseline_on, k.baseline_milli, k.baseline_words
FROM ranked AS k
WHERE k.place = 1

-- engine: supply → courses → registers → results → needs of monitoring rules, by hand, for DuckDB; statements end at a line of its own that is ;
-- over views issues, observations, patients, registrations, links and the knowledge tables k_*
-- gives tables courses and results (all rows of the engine's), registers (by medicine: person_id, register, entered_on, status, substances), needs (below)
-- leaves out: decisions about codes and terms, names, brand lists, as-required and patch doses, mass units; plans prescribed elsewhere, hospital stays; several
--   records of one person, deaths and moves from several sources, approvals; licences, who supplies, agreements, assertions and every owner but "the practice";
--   facts, conditions of rules (`applies`, `unless`, `sooner`), result, review, combination, licence, agree and supply rules, chains of points, answers;
--   loads, interactions, spells, because, priority. needs has the window and ongoing points of monitoring rules
--   without conditions and chains, for each medicine on register.
-- What it does give is compared with the engine's answer: courses, results and registers row by row, of needs each state and due date.
CREATE TEMP TABLE product AS
SELECT code, min(substance) AS substance, min(strength_ug) AS strength_ug
FROM k_product WHERE code_system = 'snomed' GROUP BY code HAVING count(DISTINCT substance) = 1
;
CREATE TEMP TABLE person AS
SELECT l.person_id, p.subject_id, p.org_code AS gp_org
FROM patients p JOIN links l ON l.subject_id = p.subject_id AND l.undone_at IS NULL
JOIN registrations r ON r.subject_id = p.subject_id AND r.ended_on IS NULL AND r.started_on <= $as_of
WHERE p.death_date IS NULL
;
CREATE TEMP TABLE supply AS
SELECT i.subject_id, p.substance, i.issued_on AS on_date, i.code, i.dose_text,
  coalesce(i.days_supply, i.quantity_milli // i.dose_high_milli) AS days,
  coalesce(i.dose_high_milli * p.strength_ug // 1000, NULL) AS daily_ug, i.quantity_milli * p.strength_ug // 1000 AS quantity_ug
FROM issues i JOIN product p ON p.code = i.code
WHERE i.issued_on <= $as_of AND i.status = 'completed'
;
CREATE TEMP TABLE intervals AS
WITH unknown AS (SELECT DISTINCT subject_id, substance FROM supply WHERE days IS NULL),
  steps AS (
    SELECT subject_id, substance, on_date - lag(on_date) OVER (PARTITION BY subject_id, substance ORDER BY on_date) AS step
    FROM (SELECT DISTINCT subject_id, substance, on_date FROM supply SEMI JOIN unknown USING (subject_id, substance))
  )
SELECT subject_id, substance, quantile_disc(step, 0.5) AS days FROM steps
GROUP BY ALL HAVING count(step) >= $interval_min_issues - 1
;
CREATE TEMP TABLE events AS
WITH known AS (
  SELECT s.subject_id, s.substance, s.on_date, s.code, s.dose_text,
    least(greatest(coalesce(s.days, v.days, $default_days), $min_days), $max_days) AS days, s.daily_ug, s.quantity_ug
  FROM supply s LEFT JOIN intervals v ON s.days IS NULL AND v.subject_id = s.subject_id AND v.substance = s.substance
),
parts AS (
  SELECT subject_id, substance, on_date, sum(days)::INTEGER AS days, max(coalesce(daily_ug, quantity_ug // days)) AS daily_ug
  FROM known GROUP BY subject_id, substance, on_date, code, dose_text
)
SELECT subject_id, substance, on_date, max(days) AS days, sum(daily_ug)::BIGINT AS daily_ug FROM parts GROUP BY ALL
;
DROP TABLE supply
;
CREATE TEMP TABLE ends AS
WITH stepped AS (
  SELECT *, row_number() OVER w AS place, days - coalesce(lead(on_date) OVER w - on_date, 0) AS shift
  FROM events WINDOW w AS (PARTITION BY subject_id, substance ORDER BY on_date)
),
summed AS (
  SELECT *, sum(shift) OVER (PARTITION BY subject_id, substance ORDER BY place) AS total FROM stepped
)
SELECT subject_id, substance, on_date, days, daily_ug, place,
  total - shift - coalesce(least(0, min(total) OVER (PARTITION BY subject_id, substance ORDER BY place ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), 0) AS held
FROM summed
;
CREATE TEMP TABLE capped AS
WITH RECURSIVE bound AS (SELECT DISTINCT subject_id, substance FROM ends WHERE held > $carry_cap_days),
  chain AS (SELECT e.* FROM ends e SEMI JOIN bound USING (subject_id, substance)),
  walk AS (
    SELECT subject_id, substance, place, on_date + days AS ends_on FROM chain WHERE place = 1
    UNION ALL
    SELECT c.subject_id, c.substance, c.place, c.on_date + (c.days + least(greatest(w.ends_on - c.on_date, 0), $carry_cap_days))::INTEGER
    FROM walk w JOIN chain c ON c.subject_id = w.subject_id AND c.substance = w.substance AND c.place = w.place + 1
  )
SELECT * FROM walk
;
CREATE TEMP TABLE chained AS
WITH ended AS (
  SELECT e.subject_id, e.substance, e.on_date, e.daily_ug, coalesce(c.ends_on, e.on_date + (e.days + e.held)::INTEGER) AS ends_on
  FROM ends e LEFT JOIN capped c USING (subject_id, substance, place)
),
gapped AS (
  SELECT *, on_date - lag(ends_on) OVER (PARTITION BY subject_id, substance ORDER BY on_date) AS gap FROM ended
)
SELECT *, (1 + sum((gap > $stop_gap_days)::INT) OVER (PARTITION BY subject_id, substance ORDER BY on_date))::INTEGER AS course FROM gapped
;
CREATE TEMP TABLE course_rows AS
WITH gathered AS (
  SELECT subject_id, substance, coalesce(course, 1)::INTEGER AS course, min(on_date) AS started_on, max(on_date) AS last_issued_on, arg_max(ends_on, on_date) AS supply_ends_on,
    sum(greatest(gap, 0)) FILTER (gap <= $stop_gap_days) AS gaps_inside, max(ends_on) AS longest_end, arg_max(daily_ug, on_date) AS daily_ug, count(*)::INTEGER AS issues, max(gap) FILTER (gap > $stop_gap_days) AS gap_before
  FROM chained GROUP BY ALL
)
SELECT *, lead(gap_before) OVER w AS gap_days, lead(course) OVER w IS NULL AS is_last
FROM gathered WINDOW w AS (PARTITION BY subject_id, substance ORDER BY course)
;
CREATE TEMP TABLE courses AS
SELECT l.person_id, substance, course, started_on, last_issued_on, supply_ends_on, issues, gap_days::INTEGER AS gap_days
FROM course_rows c JOIN (SELECT subject_id, person_id FROM links WHERE undone_at IS NULL) l USING (subject_id)
;
CREATE TEMP TABLE medicines AS
WITH latest AS (
  SELECT p.person_id, p.subject_id, p.gp_org, c.substance, c.started_on, c.supply_ends_on, c.daily_ug,
    $as_of <= c.supply_ends_on + $grace_days AS is_current, $as_of <= c.supply_ends_on + greatest($stop_gap_days, $grace_days) AS on_register,
    c.supply_ends_on - c.started_on - coalesce(c.gaps_inside, 0) >= $expected_days AS expected
  FROM course_rows c JOIN person p USING (subject_id)
  WHERE c.is_last AND $as_of < c.supply_ends_on + to_months($lapsed_months)
),
always AS (SELECT DISTINCT s.substance FROM k_rule r JOIN k_set s USING (set_name) WHERE r.kind = 'supply' AND r.about = 'nobody always'),
replaced AS (
  SELECT l.subject_id, l.substance
  FROM latest l JOIN latest o ON o.subject_id = l.subject_id AND o.substance <> l.substance AND o.on_register AND o.started_on >= l.supply_ends_on - $stop_gap_days
  JOIN k_set one ON one.substance = l.substance JOIN k_set two ON two.substance = o.substance AND two.set_name = one.set_name
  JOIN k_register k ON k.set_name = one.set_name AND k.kind <> 'condition'
  WHERE NOT l.on_register
)
SELECT * FROM latest l ANTI JOIN replaced r ON r.subject_id = l.subject_id AND r.substance = l.substance
WHERE l.on_register OR l.expected OR l.substance IN (SELECT substance FROM always)
;
CREATE TEMP TABLE registers AS
WITH held AS (
  SELECT m.subject_id, m.person_id, k.register, k.set_name, bool_or(m.is_current) AS is_current, string_agg(DISTINCT m.substance, '+' ORDER BY m.substance) AS substances
  FROM medicines m JOIN k_set s USING (substance) JOIN k_register k USING (set_name) GROUP BY ALL
),
starts AS (
  SELECT h.subject_id, h.register, c.started_on, max(c.longest_end) AS longest_end
  FROM held h JOIN k_set s USING (set_name) JOIN course_rows c ON c.subject_id = h.subject_id AND c.substance = s.substance GROUP BY ALL
),
gaps AS (
  SELECT subject_id, register, started_on,
    started_on - max(longest_end) OVER (PARTITION BY subject_id, register ORDER BY started_on ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS gap
  FROM starts
)
SELECT h.person_id, h.register, max(g.started_on) FILTER (g.gap IS NULL OR g.gap > $stop_gap_days) AS entered_on,
  CASE WHEN any_value(h.is_current) THEN 'current' ELSE 'lapsed' END AS status, any_value(h.substances) AS substances
FROM held h JOIN gaps g USING (subject_id, register) GROUP BY h.person_id, h.register
;
CREATE TEMP TABLE results AS
SELECT l.person_id, k.test, o.effective_on,
  CASE WHEN 2 * o.value_milli * k.numerator + k.denominator >= 0 THEN (2 * o.value_milli * k.numerator + k.denominator) // (2 * k.denominator) END AS value_milli,
  o.comparator, 1 AS roads
FROM observations o
JOIN (SELECT subject_id, person_id FROM links WHERE undone_at IS NULL) l USING (subject_id)
JOIN (SELECT DISTINCT test, code FROM k_test_code WHERE code_system = 'snomed') c ON c.code = o.code
LEFT JOIN k_test_code k0 ON k0.test = c.test AND k0.code = c.code AND k0.code_system = 'snomed' AND k0.unit = lower(o.value_unit)
LEFT JOIN k_test_code k1 ON k1.test = c.test AND k1.code = c.code AND k1.code_system = 'snomed' AND k1.unit IS NULL
JOIN LATERAL (SELECT c.test AS test, coalesce(k0.numerator, k1.numerator) AS numerator, coalesce(k0.denominator, k1.denominator) AS denominator) k ON TRUE
WHERE o.effective_on <= $as_of AND o.status = 'final'
GROUP BY ALL
;
CREATE TEMP TABLE needs AS
WITH asked AS (
  SELECT m.person_id, m.gp_org, m.substance, m.started_on, r.rule_id, r.test, r.title, r.role, r.lookback_months
  FROM (SELECT * FROM medicines WHERE on_register) m JOIN k_set s USING (substance) JOIN k_rule r ON r.set_name = s.set_name AND r.kind = 'monitor' AND r.per = 'substance'
  ANTI JOIN k_when w ON w.rule_id = r.rule_id
  ANTI JOIN k_point c ON c.rule_id = r.rule_id AND (c.kind = 'chain' OR c.anchor <> 'start')
  WHERE $as_of >= CAST(m.started_on + to_months(coalesce(r.after_months, 0)) AS DATE) + coalesce(r.after_days, 0)
),
evidence AS (
  SELECT a.person_id, a.rule_id, a.substance, t.effective_on AS day
  FROM asked a JOIN (SELECT DISTINCT person_id, test, effective_on FROM results) t ON t.person_id = a.person_id AND t.test = a.test
  WHERE t.effective_on >= a.started_on - to_months(a.lookback_months)
),
windows AS (
  SELECT a.*, p.point, p.seq, CAST(a.started_on + to_months(p.due_months) AS DATE) + p.due_days AS due_on, min(e.day) AS served_on,
    any_value(CAST(a.started_on + to_months(p.lapse_months) AS DATE) + p.lapse_days) AS lapses_on
  FROM asked a JOIN k_point p ON p.rule_id = a.rule_id AND p.kind = 'window' AND p.anchor = 'start'
  LEFT JOIN evidence e ON e.person_id = a.person_id AND e.rule_id = a.rule_id AND e.substance = a.substance
    AND e.day >= CAST(a.started_on + to_months(p.from_months) AS DATE) + p.from_days
    AND (p.to_months IS NULL OR e.day <= CAST(a.started_on + to_months(p.to_months) AS DATE) + p.to_days)
  GROUP BY ALL
),
lasts AS (SELECT person_id, rule_id, substance, max(day) AS day FROM evidence GROUP BY ALL),
ongoing AS (
  SELECT a.*, p.point, CAST(coalesce(l.day, a.started_on) + to_months(p.every_months) AS DATE) + p.every_days AS due_on, l.day AS served_on,
    row_number() OVER (PARTITION BY a.person_id, a.rule_id, a.substance ORDER BY coalesce(p.until_months, p.until_days) IS NULL, p.until_months, p.until_days) AS place
  FROM asked a JOIN k_point p ON p.rule_id = a.rule_id AND p.kind = 'ongoing'
  LEFT JOIN lasts l ON l.person_id = a.person_id AND l.rule_id = a.rule_id AND l.substance = a.substance
  WHERE coalesce(p.until_months, p.until_days) IS NULL
    OR coalesce(l.day, a.started_on) < CAST(a.started_on + to_months(coalesce(p.until_months, 0)) AS DATE) + coalesce(p.until_days, 0)
)
SELECT person_id, rule_id, substance AS subject, point, title, test, CASE WHEN served_on IS NOT NULL THEN 'met' WHEN $as_of >= lapses_on THEN 'lapsed' ELSE 'open' END AS state,
  due_on, served_on, gp_org AS owner_org, role AS owner_role
FROM windows
UNION ALL
SELECT person_id, rule_id, substance, point, title, test, 'open', due_on, served_on, gp_org, role FROM ongoing WHERE place = 1
;

-- prescriptions: every issue that counts, and every plan prescribed elsewhere that nobody issues, as supply of a medicine
-- reads   subjects, people, products, medication_issues, medication_plans
-- gives   plan_key (null for an issue), on_date, plan_days (days, null for an issue), supplier (gp | trust | private), org_code, the product's strength and unit, the dose and quantity as recorded
-- grain   one row per issue (or plan) and substance
-- rule    docs/engine.md 2 and 3; rulings 13, 15
WITH dated AS (
  SELECT
    s.person_id, p.source, p.native_id, p.setting, p.org_code, p.code_system, p.code, p.term, p.term_name, p.strength_ug, p.unit,
    p.dose_text, p.dose_status, p.dose_high_milli, p.dose_unit, p.as_required, p.review_on,
    coalesce(p.started_on, CASE WHEN p.asserted_on <= $as_of THEN p.asserted_on END) AS start_on,
    coalesce(CASE WHEN p.asserted_on <= $as_of THEN p.asserted_on END, p.started_on) AS confirmed_on
  FROM medication_plans AS p
  JOIN subjects AS s ON s.subject_id = p.subject_id
  WHERE p.elsewhere AND p.status = 'active'
),
issued_plans AS (
  SELECT DISTINCT d.person_id, d.source, d.native_id
  FROM dated AS d
  JOIN medication_issues AS i ON i.source = d.source AND i.plan_id = d.native_id
  JOIN subjects AS s ON s.subject_id = i.subject_id AND s.person_id = d.person_id
  WHERE i.issued_on <= $as_of AND coalesce(i.status, 'unknown') NOT IN ('cancelled', 'draft', 'entered in error')
),
elsewhere AS (
  SELECT
    d.*,
    CASE
      WHEN d.review_on > d.start_on THEN least(d.review_on, add_months(d.confirmed_on, $elsewhere_months))
      ELSE add_months(d.confirmed_on, $elsewhere_months)
    END AS end_on
  FROM dated AS d
  LEFT JOIN issued_plans AS g ON g.person_id = d.person_id AND g.source = d.source AND g.native_id = d.native_id
  WHERE d.start_on <= $as_of AND g.native_id IS NULL
),
rows_read AS (
  SELECT
    s.person_id, p.substance, CAST(NULL AS VARCHAR) AS plan_key, i.issued_on AS on_date, CAST(NULL AS BIGINT) AS plan_days,
    i.setting, i.org_code, i.code, i.term, coalesce(p.strength_ug, i.strength_ug) AS strength_ug, coalesce(p.unit, i.unit) AS unit,
    i.dose_text, i.dose_status, i.dose_high_milli, i.dose_unit, coalesce(i.as_required, FALSE) AS as_required,
    i.quantity_milli, i.quantity_unit, i.days_supply
  FROM medication_issues AS i
  JOIN products AS p
    ON p.code_system IS NOT DISTINCT FROM i.code_system
    AND p.code IS NOT DISTINCT FROM i.code
    AND p.term IS NOT DISTINCT FROM i.term
    AND p.term_name IS NOT DISTINCT FROM i.term_name
    AND p.written_unit IS NOT DISTINCT FROM i.unit
  JOIN subjects AS s ON s.subject_id = i.subject_id
  WHERE i.issued_on <= $as_of AND coalesce(i.status, 'unknown') NOT IN ('cancelled', 'draft', 'entered in error')
  UNION ALL
  SELECT
    e.person_id, p.substance, e.source || ' ' || e.native_id AS plan_key, e.start_on AS on_date, date_diff('day', e.start_on, e.end_on) AS plan_days,
    CASE WHEN e.setting = 'private' THEN 'private' ELSE 'trust' END AS setting,
    e.org_code, e.code, e.term, coalesce(p.strength_ug, e.strength_ug) AS strength_ug, coalesce(p.unit, e.unit) AS unit,
    e.dose_text, e.dose_status, e.dose_high_milli, e.dose_unit, coalesce(e.as_required, FALSE) AS as_required,
    CAST(NULL AS BIGINT) AS quantity_milli, CAST(NULL AS VARCHAR) AS quantity_unit, CAST(NULL AS INTEGER) AS days_supply
  FROM elsewhere AS e
  JOIN products AS p
    ON p.code_system IS NOT DISTINCT FROM e.code_system
    AND p.code IS NOT DISTINCT FROM e.code
    AND p.term IS NOT DISTINCT FROM e.term
    AND p.term_name IS NOT DISTINCT FROM e.term_name
    AND p.written_unit IS NOT DISTINCT FROM e.unit
  WHERE e.end_on > e.start_on
)
SELECT
  r.person_id,
  r.substance,
  r.plan_key,
  r.on_date,
  r.plan_days,
  CASE
    WHEN r.setting IN ('gp', 'trust', 'private') THEN r.setting
    WHEN r.org_code IS NULL OR r.org_code = n.gp_org THEN 'gp'
    ELSE 'trust'
  END AS supplier,
  CASE WHEN r.plan_key IS NOT NULL AND r.org_code = n.gp_org THEN NULL ELSE r.org_code END AS org_code,
  r.code,
  r.term,
  r.strength_ug,
  r.unit,
  r.dose_text,
  r.dose_status,
  r.dose_high_milli,
  r.dose_unit,
  r.as_required,
  r.quantity_milli,
  r.quantity_unit,
  r.days_supply
FROM rows_read AS r
JOIN people AS n ON n.person_id = r.person_id

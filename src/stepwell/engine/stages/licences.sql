-- licences: whether each medicine on register is used within its licence, and for what
-- reads   listed, products, subjects, problems, medication_plans, k_condition_code, k_indication
-- gives   licence (licensed | off-licence | unknown), indication (condition key or the plan's words), indication_from (plan | problem list), intended_end_on
-- grain   person_id, substance
-- rule    docs/engine.md 3; ruling 19: a reason stated on the plan decides, then the problem list
WITH planned AS (
  SELECT e.person_id, e.substance, p.indication_code, trim(p.indication_text, ' ') AS trimmed_text, p.indication_text, p.code_system, p.intended_end_on
  FROM listed AS e
  JOIN subjects AS s ON s.person_id = e.person_id
  JOIN medication_plans AS p ON p.subject_id = s.subject_id
  JOIN products AS d
    ON d.substance = e.substance
    AND d.code_system IS NOT DISTINCT FROM p.code_system
    AND d.code IS NOT DISTINCT FROM p.code
    AND d.term IS NOT DISTINCT FROM p.term
    AND d.term_name IS NOT DISTINCT FROM p.term_name
    AND d.written_unit IS NOT DISTINCT FROM p.unit
  WHERE p.status = 'active' AND (p.started_on IS NULL OR p.started_on <= $as_of)
),
stated AS (
  SELECT
    p.person_id,
    p.substance,
    max(p.intended_end_on) AS intended_end_on,
    min(CASE WHEN i.licence = 'licensed' THEN k.condition END) AS licensed_for,
    min(k.condition) AS mapped_to,
    min(CASE WHEN p.trimmed_text <> '' THEN p.indication_text END) AS words
  FROM planned AS p
  LEFT JOIN k_condition_code AS k ON k.code_system = 'snomed' AND k.code = p.indication_code
  LEFT JOIN k_indication AS i ON i.substance = p.substance AND i.condition = k.condition
  GROUP BY p.person_id, p.substance
),
reasons AS (
  SELECT
    e.person_id,
    e.substance,
    min(CASE WHEN i.licence = 'licensed' THEN h.condition END) AS licensed_for,
    min(CASE WHEN i.licence = 'off-licence' THEN h.condition END) AS used_for
  FROM listed AS e
  JOIN k_indication AS i ON i.substance = e.substance
  JOIN problems AS h ON h.person_id = e.person_id AND h.condition = i.condition
  GROUP BY e.person_id, e.substance
)
SELECT
  e.person_id,
  e.substance,
  CASE
    WHEN t.licensed_for IS NOT NULL THEN 'licensed'
    WHEN t.mapped_to IS NOT NULL OR t.words IS NOT NULL THEN 'off-licence'
    WHEN l.licensed_for IS NOT NULL THEN 'licensed'
    WHEN l.used_for IS NOT NULL THEN 'off-licence'
    ELSE 'unknown'
  END AS licence,
  coalesce(t.licensed_for, t.mapped_to, t.words, l.licensed_for, l.used_for) AS indication,
  CASE
    WHEN t.licensed_for IS NOT NULL OR t.mapped_to IS NOT NULL OR t.words IS NOT NULL THEN 'plan'
    WHEN l.licensed_for IS NOT NULL OR l.used_for IS NOT NULL THEN 'problem list'
  END AS indication_from,
  t.intended_end_on
FROM listed AS e
LEFT JOIN stated AS t ON t.person_id = e.person_id AND t.substance = e.substance
LEFT JOIN reasons AS l ON l.person_id = e.person_id AND l.substance = e.substance

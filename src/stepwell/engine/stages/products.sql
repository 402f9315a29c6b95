-- products: which medicine a prescribed product is, in the words of the record
-- reads   medication_issues, medication_plans, codings, k_product, k_name
-- gives   substance, strength_ug (micrograms per unit or ml), unit; a combination product gives two rows
-- grain   code_system, code, term, term_name, written_unit (the row's own), substance, strength_ug, unit (nulls are values)
-- rule    docs/engine.md 2 and 11: a decision about the code, the product list, a decision about the term, the name (that of its unit before that of any); the first that answers ends the search
WITH written AS (
  SELECT i.code_system, i.code, i.term, i.term_name, i.unit FROM medication_issues AS i
  UNION
  SELECT p.code_system, p.code, p.term, p.term_name, p.unit FROM medication_plans AS p
),
decided AS (
  SELECT
    c.code_system,
    c.code,
    c.term,
    c.substance,
    c.strength_ug,
    c.unit,
    row_number() OVER (
      PARTITION BY c.code, CASE WHEN c.code IS NULL THEN c.term ELSE c.code_system END
      ORDER BY c.substance NULLS LAST, c.strength_ug NULLS LAST, c.unit NULLS LAST
    ) AS place
  FROM codings AS c
),
found AS (
  SELECT w.code_system, w.code, w.term, w.term_name, w.unit AS written_unit, d.substance, d.strength_ug, d.unit, 1 AS step
  FROM written AS w
  JOIN decided AS d ON d.code_system = w.code_system AND d.code = w.code AND d.place = 1
  UNION ALL
  SELECT w.code_system, w.code, w.term, w.term_name, w.unit AS written_unit, k.substance, k.strength_ug, k.unit, 2 AS step
  FROM written AS w
  JOIN k_product AS k ON k.code_system = w.code_system AND k.code = w.code
  UNION ALL
  SELECT w.code_system, w.code, w.term, w.term_name, w.unit AS written_unit, d.substance, d.strength_ug, d.unit, 3 AS step
  FROM written AS w
  JOIN decided AS d ON d.code IS NULL AND d.term = lower(w.term) AND d.place = 1
  UNION ALL
  SELECT
    w.code_system, w.code, w.term, w.term_name, w.unit AS written_unit,
    n.substance, CAST(NULL AS BIGINT) AS strength_ug, CAST(NULL AS VARCHAR) AS unit,
    CASE WHEN n.unit IS NULL THEN 5 ELSE 4 END AS step
  FROM written AS w
  JOIN k_name AS n ON n.term_name = w.term_name AND (n.unit IS NULL OR n.unit = w.unit)
),
ranked AS (
  SELECT
    f.code_system, f.code, f.term, f.term_name, f.written_unit, f.substance, f.strength_ug, f.unit, f.step,
    min(f.step) OVER (PARTITION BY f.code_system, f.code, f.term, f.term_name, f.written_unit) AS first_step
  FROM found AS f
)
SELECT DISTINCT r.code_system, r.code, r.term, r.term_name, r.written_unit, r.substance, r.strength_ug, r.unit
FROM ranked AS r
WHERE r.step = r.first_step AND r.substance IS NOT NULL

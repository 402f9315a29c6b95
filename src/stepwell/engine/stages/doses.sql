-- doses: what each prescription says about a day, and how long its quantity lasts
-- reads   prescriptions, k_patch
-- gives   stated_ug (micrograms a day by the instruction), quantity_days (days the quantity lasts at that dose), quantity_ug (micrograms supplied); each null when not known;
-- gives   rate_ug (micrograms supplied for use when required, else null), as_required (never of patches), patch_ug (what one patch gives in a day, null for others), patch_milli_hours (patches supplied × hours worn, null when not known)
-- grain   as prescriptions
-- rule    docs/engine.md 2: units must agree; mass, counted, or counted by strength; "one dose" says nothing of millilitres; an as-required figure is a ceiling and gives nothing.
-- rule    docs/engine.md 11: patches worn at once, from the instruction, to the nearest whole, at least one
WITH measured AS (
  SELECT
    p.*,
    k.wear_hours,
    k.daily_ug AS patch_ug,
    k.substance IS NOT NULL AS is_patch,
    p.dose_status IN ('structured', 'text') AND NOT p.as_required AND p.dose_high_milli > 0 AND p.dose_unit IS NOT NULL AS known,
    CASE p.dose_unit WHEN 'microgram' THEN 1 WHEN 'mg' THEN 1000 WHEN 'gram' THEN 1000000 END AS dose_factor,
    CASE p.quantity_unit WHEN 'microgram' THEN 1 WHEN 'mg' THEN 1000 WHEN 'gram' THEN 1000000 END AS quantity_factor,
    CASE
      WHEN p.dose_unit IN ('microgram', 'mg', 'gram') THEN NULL
      WHEN p.dose_unit IN ('tablet', 'capsule') THEN 'solid'
      WHEN p.dose_unit IN ('dose', 'unit', 'other') THEN 'any'
      ELSE p.dose_unit
    END AS dose_counts,
    CASE
      WHEN p.quantity_unit IN ('microgram', 'mg', 'gram') THEN NULL
      WHEN p.quantity_unit IN ('tablet', 'capsule') THEN 'solid'
      WHEN p.quantity_unit IN ('dose', 'unit', 'other') THEN 'any'
      ELSE p.quantity_unit
    END AS quantity_counts,
    CASE
      WHEN p.unit IN ('microgram', 'mg', 'gram') THEN NULL
      WHEN p.unit IN ('tablet', 'capsule') THEN 'solid'
      WHEN p.unit IN ('dose', 'unit', 'other') THEN 'any'
      ELSE p.unit
    END AS product_counts
  FROM prescriptions AS p
  LEFT JOIN k_patch AS k ON p.unit = 'patch' AND k.substance = p.substance AND k.strength_ug = p.strength_ug
),
agreed AS (
  SELECT
    m.*,
    coalesce(m.dose_counts = m.product_counts OR (m.dose_counts = 'any' AND m.product_counts <> 'ml') OR (m.product_counts = 'any' AND m.dose_counts <> 'ml'), FALSE) AS dose_fits_product,
    coalesce(m.quantity_counts = m.dose_counts OR (m.quantity_counts = 'any' AND m.dose_counts <> 'ml') OR (m.dose_counts = 'any' AND m.quantity_counts <> 'ml'), FALSE) AS quantity_fits_dose,
    coalesce(m.quantity_counts = m.product_counts OR (m.quantity_counts = 'any' AND m.product_counts <> 'ml') OR (m.product_counts = 'any' AND m.quantity_counts <> 'ml'), FALSE) AS quantity_fits_product
  FROM measured AS m
),
worn AS (
  SELECT
    a.*,
    CASE WHEN a.is_patch AND a.known AND a.dose_unit = 'patch' THEN greatest((a.dose_high_milli * a.wear_hours + 12000) // 24000, 1) END AS patches,
    CASE WHEN a.is_patch AND a.quantity_milli > 0 AND a.quantity_fits_product THEN a.quantity_milli * a.wear_hours END AS patch_milli_hours
  FROM agreed AS a
),
stated AS (
  SELECT
    a.*,
    CASE
      WHEN a.is_patch THEN a.patches * a.patch_ug
      WHEN NOT a.known THEN NULL
      WHEN a.dose_factor IS NOT NULL THEN a.dose_high_milli * a.dose_factor // 1000
      WHEN a.dose_fits_product THEN a.dose_high_milli * a.strength_ug // 1000
    END AS stated_ug
  FROM worn AS a
)
SELECT
  s.person_id, s.substance, s.plan_key, s.on_date, s.plan_days, s.supplier, s.org_code, s.code, s.term, s.dose_text, s.dose_status, s.as_required AND NOT s.is_patch AS as_required, s.days_supply,
  s.stated_ug,
  CASE
    WHEN s.is_patch THEN s.patch_milli_hours // nullif(24000 * coalesce(s.patches, 1), 0)
    WHEN NOT s.known OR s.quantity_milli <= 0 THEN NULL
    WHEN s.quantity_fits_dose THEN s.quantity_milli // nullif(s.dose_high_milli, 0)
    WHEN s.dose_factor IS NOT NULL AND s.quantity_factor IS NOT NULL THEN (s.quantity_milli * s.quantity_factor) // nullif(s.dose_high_milli * s.dose_factor, 0)
    WHEN s.dose_factor IS NOT NULL AND s.quantity_fits_product AND s.strength_ug > 0 THEN s.quantity_milli * s.strength_ug // nullif(s.stated_ug, 0) // 1000
  END AS quantity_days,
  CASE WHEN s.quantity_milli > 0 AND s.quantity_fits_product THEN s.quantity_milli * s.strength_ug // 1000 END AS quantity_ug,
  CASE WHEN s.as_required AND NOT s.is_patch AND s.quantity_milli > 0 AND s.quantity_fits_product AND s.strength_ug > 0 THEN s.quantity_milli * s.strength_ug // 1000 END AS rate_ug,
  s.patch_ug,
  s.patch_milli_hours
FROM stated AS s

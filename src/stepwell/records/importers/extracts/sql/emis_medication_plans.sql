-- medication_plans: Prescribing_DrugRecord. A cancellation date of a record that is active is not believed: all known ones were issued after it
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN CodeId IS NULL THEN 'no code|CodeId' WHEN c.code_id IS NULL THEN 'unknown code|CodeId' END,
    not_a_day(EffectiveDate, _day, 'EffectiveDate'), not_a_day(CancellationDate, _ended, 'CancellationDate'),
    not_a_number(Quantity, milli(Quantity), 'Quantity')
  ) AS _fault,
  subject_id, v.source, DrugRecordGuid AS native_id, _version AS version,
  CASE WHEN e.value IS NULL THEN rec_org END AS org_code, coalesce(e.value, g.setting, 'unknown') AS setting,
  CASE WHEN yes(IsActive) THEN 'active' WHEN _ended IS NOT NULL THEN 'stopped' ELSE 'completed' END AS status,
  c.code, c.code_system, c.term, c.degraded, c.term_name, c.strength_ug, c.unit,
  d.dose_text, coalesce(d.dose_status, 'none') AS dose_status, d.dose_low_milli, d.dose_high_milli, d.dose_unit, coalesce(d.as_required, false) AS as_required,
  milli(Quantity) AS quantity_milli, CASE WHEN Quantity IS NOT NULL THEN u.word END AS quantity_unit, CAST(NULL AS INTEGER) AS days_supply,
  coalesce(k.value, 'unknown') AS kind, e.value IS NOT NULL AS elsewhere,
  first_day(_day, EffectiveDatePrecision) AS started_on, CASE WHEN NOT yes(IsActive) THEN _ended END AS ended_on,
  CAST(NULL AS DATE) AS review_on, CAST(NULL AS DATE) AS asserted_on, CAST(NULL AS DATE) AS intended_end_on, CAST(NULL AS VARCHAR) AS stop_reason,
  CASE WHEN r.code_system = 'snomed' THEN r.code END AS indication_code, r.term AS indication_text,
  CAST(NULL AS VARCHAR) AS group_id, try_cast(NumberOfIssuesAuthorised AS INTEGER) AS issues_authorised
FROM (SELECT *, emis_day(EffectiveDate) AS _day, emis_day(CancellationDate) AS _ended FROM v_Prescribing_DrugRecord) AS v
LEFT JOIN drug_codes AS c ON c.code_id = CodeId
LEFT JOIN doses AS d ON d.text = Dosage
LEFT JOIN units AS u ON u.text = QuantityUnit
LEFT JOIN settings AS g ON g.org_code = rec_org
LEFT JOIN words AS k ON k.domain = 'plan_kind' AND k.text = lower(trim(PrescriptionType))
LEFT JOIN words AS e ON e.domain = 'elsewhere' AND e.text = lower(trim(PrescriptionType))
LEFT JOIN reasons AS r ON r.native_id = ProblemObservationGuid AND r.source = v.source

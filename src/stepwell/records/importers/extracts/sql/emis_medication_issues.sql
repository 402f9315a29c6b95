-- medication_issues: Prescribing_IssueRecord
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN CodeId IS NULL THEN 'no code|CodeId' WHEN c.code_id IS NULL THEN 'unknown code|CodeId' END,
    not_a_day(EffectiveDate, _day, 'EffectiveDate'), not_yet(first_day(_day, EffectiveDatePrecision), 'EffectiveDate'),
    not_a_number(Quantity, milli(Quantity), 'Quantity')
  ) AS _fault,
  subject_id, source, IssueRecordGuid AS native_id, _version AS version,
  rec_org AS org_code, coalesce(g.setting, 'unknown') AS setting, 'completed' AS status,
  c.code, c.code_system, c.term, c.degraded, c.term_name, c.strength_ug, c.unit,
  d.dose_text, coalesce(d.dose_status, 'none') AS dose_status, d.dose_low_milli, d.dose_high_milli, d.dose_unit, coalesce(d.as_required, false) AS as_required,
  milli(Quantity) AS quantity_milli, CASE WHEN Quantity IS NOT NULL THEN u.word END AS quantity_unit,
  days_in(CourseDurationInDays) AS days_supply,
  DrugRecordGuid AS plan_id, first_day(_day, EffectiveDatePrecision) AS issued_on
FROM (SELECT *, emis_day(EffectiveDate) AS _day FROM v_Prescribing_IssueRecord)
LEFT JOIN drug_codes AS c ON c.code_id = CodeId
LEFT JOIN doses AS d ON d.text = Dosage
LEFT JOIN units AS u ON u.text = QuantityUnit
LEFT JOIN settings AS g ON g.org_code = rec_org

-- medication_issues: SRPrimaryCareMedication, but for the rows that record what somebody else supplies
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN NameOfMedication IS NULL AND ref(IDMultiLexDMD) IS NULL THEN 'names no medicine|NameOfMedication' END,
    not_a_day(DateMedicationStart, _from, 'DateMedicationStart'), not_a_day(DateEvent, _day, 'DateEvent'),
    not_yet(coalesce(_from, _day), 'DateMedicationStart')
  ) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version,
  coalesce(ref(IDOrganisationDoneAt), holder) AS org_code, coalesce(g.setting, 'unknown') AS setting, 'completed' AS status,
  coalesce(ref(IDMultiLexDMD), rc.code) AS code,
  CASE WHEN ref(IDMultiLexDMD) IS NOT NULL THEN 'snomed' WHEN rc.code IS NOT NULL THEN 'ctv3' END AS code_system,
  p.term, coalesce(ref(IDMultiLexDMD), rc.code) IS NULL AS degraded, p.term_name, p.strength_ug, p.unit,
  d.dose_text, coalesce(d.dose_status, 'none') AS dose_status, d.dose_low_milli, d.dose_high_milli, d.dose_unit, coalesce(d.as_required, false) AS as_required,
  q.quantity_milli, q.quantity_unit,
  CASE WHEN date_diff('day', _from, tpp_day(DateMedicationEnd)) BETWEEN 1 AND 366 THEN CAST(date_diff('day', _from, tpp_day(DateMedicationEnd)) AS INTEGER) END AS days_supply,
  ref(IDRepeatTemplate) AS plan_id, coalesce(_from, _day) AS issued_on
FROM (
  SELECT *, tpp_day(DateMedicationStart) AS _from, tpp_day(DateEvent) AS _day
  FROM v_SRPrimaryCareMedication
  WHERE NOT (yes(IsHospitalMedication) OR yes(IsOtherMedication) OR yes(IsDentalMedication))
) AS v
LEFT JOIN products AS p ON p.text = NameOfMedication
LEFT JOIN product_codes AS rc ON rc.product = ref(IDMultiLexProduct)
LEFT JOIN doses AS d ON d.text = MedicationDosage
LEFT JOIN quantities AS q ON q.text = MedicationQuantity
LEFT JOIN settings AS g ON g.org_code = coalesce(ref(IDOrganisationDoneAt), holder)

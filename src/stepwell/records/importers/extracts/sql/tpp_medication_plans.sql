-- medication_plans: SRRepeatTemplate, and the rows of SRPrimaryCareMedication that record what somebody else supplies
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN NameOfMedication IS NULL AND ref(IDMultiLexDMD) IS NULL THEN 'names no medicine|NameOfMedication' END,
    not_a_day(DateMedicationTemplateStart, _from, 'DateMedicationTemplateStart'),
    not_a_day(DateMedicationTemplateEnd, _to, 'DateMedicationTemplateEnd'),
    not_a_day(DateMedicationTemplateReview, _review, 'DateMedicationTemplateReview')
  ) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version,
  coalesce(ref(IDOrganisationDoneAt), holder) AS org_code, coalesce(g.setting, 'unknown') AS setting,
  coalesce(s.value, CASE WHEN _to IS NULL OR _to > getvariable('today') THEN 'active' ELSE 'stopped' END) AS status,
  coalesce(ref(IDMultiLexDMD), rc.code) AS code,
  CASE WHEN ref(IDMultiLexDMD) IS NOT NULL THEN 'snomed' WHEN rc.code IS NOT NULL THEN 'ctv3' END AS code_system,
  p.term, coalesce(ref(IDMultiLexDMD), rc.code) IS NULL AS degraded, p.term_name, p.strength_ug, p.unit,
  d.dose_text, coalesce(d.dose_status, 'none') AS dose_status, d.dose_low_milli, d.dose_high_milli, d.dose_unit, coalesce(d.as_required, false) AS as_required,
  q.quantity_milli, q.quantity_unit, days_in(CourseLengthPerIssue) AS days_supply,
  'repeat' AS kind, false AS elsewhere, _from AS started_on,
  CASE WHEN _to <= getvariable('today') THEN _to END AS ended_on, _review AS review_on, CAST(NULL AS DATE) AS asserted_on,
  CASE WHEN _to > getvariable('today') THEN _to END AS intended_end_on, CAST(NULL AS VARCHAR) AS stop_reason,
  CAST(NULL AS VARCHAR) AS indication_code, CAST(NULL AS VARCHAR) AS indication_text, CAST(NULL AS VARCHAR) AS group_id,
  try_cast(MaxIssues AS INTEGER) AS issues_authorised
FROM (
  SELECT *, tpp_day(DateMedicationTemplateStart) AS _from, tpp_day(DateMedicationTemplateEnd) AS _to, tpp_day(DateMedicationTemplateReview) AS _review
  FROM v_SRRepeatTemplate
) AS v
LEFT JOIN products AS p ON p.text = NameOfMedication
LEFT JOIN product_codes AS rc ON rc.product = ref(IDMultiLexProduct)
LEFT JOIN doses AS d ON d.text = MedicationDosage
LEFT JOIN quantities AS q ON q.text = MedicationQuantity
LEFT JOIN settings AS g ON g.org_code = coalesce(ref(IDOrganisationDoneAt), holder)
LEFT JOIN labels AS l ON l.id = DrugStatus
LEFT JOIN words AS s ON s.domain = 'drug_status' AND s.text = lower(trim(coalesce(l.label, DrugStatus)))
UNION ALL BY NAME
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN NameOfMedication IS NULL AND ref(IDMultiLexDMD) IS NULL THEN 'names no medicine|NameOfMedication' END,
    not_a_day(DateMedicationStart, _from, 'DateMedicationStart'), not_a_day(DateMedicationEnd, _to, 'DateMedicationEnd')
  ) AS _fault,
  subject_id, source, 'SRPrimaryCareMedication/' || RowIdentifier AS native_id, _version AS version,
  CAST(NULL AS VARCHAR) AS org_code, CASE WHEN yes(IsHospitalMedication) THEN 'trust' ELSE 'unknown' END AS setting,
  CASE WHEN _to IS NULL OR _to > getvariable('today') THEN 'active' ELSE 'completed' END AS status,
  coalesce(ref(IDMultiLexDMD), rc.code) AS code,
  CASE WHEN ref(IDMultiLexDMD) IS NOT NULL THEN 'snomed' WHEN rc.code IS NOT NULL THEN 'ctv3' END AS code_system,
  p.term, coalesce(ref(IDMultiLexDMD), rc.code) IS NULL AS degraded, p.term_name, p.strength_ug, p.unit,
  d.dose_text, coalesce(d.dose_status, 'none') AS dose_status, d.dose_low_milli, d.dose_high_milli, d.dose_unit, coalesce(d.as_required, false) AS as_required,
  q.quantity_milli, q.quantity_unit, CAST(NULL AS INTEGER) AS days_supply,
  'unknown' AS kind, true AS elsewhere, coalesce(_from, _day) AS started_on, CASE WHEN _to <= getvariable('today') THEN _to END AS ended_on,
  CAST(NULL AS DATE) AS review_on, _day AS asserted_on, CASE WHEN _to > getvariable('today') THEN _to END AS intended_end_on,
  CAST(NULL AS VARCHAR) AS stop_reason, CAST(NULL AS VARCHAR) AS indication_code, CAST(NULL AS VARCHAR) AS indication_text,
  CAST(NULL AS VARCHAR) AS group_id, CAST(NULL AS INTEGER) AS issues_authorised
FROM (
  SELECT *, tpp_day(DateMedicationStart) AS _from, tpp_day(DateMedicationEnd) AS _to, tpp_day(DateEvent) AS _day
  FROM v_SRPrimaryCareMedication
  WHERE yes(IsHospitalMedication) OR yes(IsOtherMedication) OR yes(IsDentalMedication)
) AS v
LEFT JOIN products AS p ON p.text = NameOfMedication
LEFT JOIN product_codes AS rc ON rc.product = ref(IDMultiLexProduct)
LEFT JOIN doses AS d ON d.text = MedicationDosage
LEFT JOIN quantities AS q ON q.text = MedicationQuantity

-- contacts: CareRecord_Consultation
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault, not_a_day(EffectiveDate, _day, 'EffectiveDate'), not_yet(first_day(_day, EffectiveDatePrecision), 'EffectiveDate')
  ) AS _fault,
  subject_id, source, ConsultationGuid AS native_id, _version AS version, rec_org AS org_code,
  coalesce(nullif(trim(ConsultationSourceTerm), ''), c.term) AS kind, CASE WHEN c.code_system = 'snomed' THEN c.code END AS code,
  coalesce(nullif(trim(ConsultationSourceTerm), ''), c.term) AS term, first_day(_day, EffectiveDatePrecision) AS on_date
FROM (SELECT *, emis_day(EffectiveDate) AS _day FROM v_CareRecord_Consultation)
LEFT JOIN clinical_codes AS c ON c.code_id = ConsultationSourceCodeId

-- observations: SRCode. Older versions have the CTV3 code only; SRCtv3ToSnomed translates it where it can
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN ref(SNOMEDCode) IS NULL AND CTV3Code IS NULL THEN 'no code|CTV3Code' END,
    not_a_day(DateEvent, _day, 'DateEvent'), not_yet(_day, 'DateEvent')
  ) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisationDoneAt), holder) AS org_code,
  coalesce(ref(SNOMEDCode), c.snomed, CTV3Code) AS code,
  CASE WHEN coalesce(ref(SNOMEDCode), c.snomed) IS NOT NULL THEN 'snomed' ELSE 'ctv3' END AS code_system,
  coalesce(nullif(trim(CASE WHEN ref(SNOMEDCode) IS NOT NULL THEN SNOMEDText END), ''), nullif(trim(CTV3Text), '')) AS term,
  _day AS effective_on, CASE WHEN _day IS NOT NULL THEN 'day' END AS precision,
  milli(number_in(NumericValue)) AS value_milli, nullif(trim(NumericUnit), '') AS value_unit,
  coalesce(CASE WHEN NumericComparator IN ('<', '<=', '>', '>=') THEN NumericComparator END, comparator_in(NumericValue)) AS comparator,
  CASE WHEN milli(number_in(NumericValue)) IS NULL THEN nullif(trim(NumericValue), '') END AS value_text,
  CAST(NULL AS BIGINT) AS ref_low_milli, CAST(NULL AS BIGINT) AS ref_high_milli, 'final' AS status,
  tpp_day(DateEventRecorded) AS _recorded_on
FROM (SELECT *, tpp_day(DateEvent) AS _day FROM v_SRCode)
LEFT JOIN ctv3_codes AS c ON c.ctv3 = CTV3Code

-- observations: CareRecord_Observation. Free text is taken only where it is the result (Value, Investigation)
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN CodeId IS NULL THEN 'no code|CodeId' WHEN c.code_id IS NULL THEN 'unknown code|CodeId' END,
    not_a_day(EffectiveDate, _day, 'EffectiveDate'), not_yet(first_day(_day, EffectiveDatePrecision), 'EffectiveDate')
  ) AS _fault,
  subject_id, source, ObservationGuid AS native_id, _version AS version, rec_org AS org_code,
  c.code, c.code_system, c.term,
  first_day(_day, EffectiveDatePrecision) AS effective_on, precision_of(_day, EffectiveDatePrecision) AS precision,
  milli(number_in(Value)) AS value_milli, nullif(trim(NumericUnit), '') AS value_unit, comparator_in(Value) AS comparator,
  CASE
    WHEN milli(number_in(Value)) IS NOT NULL THEN NULL
    WHEN Value IS NOT NULL THEN Value
    WHEN ObservationType IN ('Value', 'Investigation') THEN nullif(trim(AssociatedText), '')
  END AS value_text,
  milli(NumericRangeLow) AS ref_low_milli, milli(NumericRangeHigh) AS ref_high_milli, 'final' AS status,
  emis_day(EnteredDate) AS _recorded_on
FROM (SELECT *, emis_day(EffectiveDate) AS _day FROM v_CareRecord_Observation)
LEFT JOIN clinical_codes AS c ON c.code_id = CodeId

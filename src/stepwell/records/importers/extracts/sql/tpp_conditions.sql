-- conditions: SRProblem; its code is that of the SRCode row it names, otherwise its own CTV3 code
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN o.native_id IS NULL AND CTV3Code IS NULL THEN 'unknown observation|IDCode' END,
    not_a_day(DateEvent, _day, 'DateEvent'), not_yet(_day, 'DateEvent'), not_a_day(DateEnd, _ended, 'DateEnd')
  ) AS _fault,
  subject_id, v.source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisationDoneAt), holder) AS org_code,
  coalesce(o.code, c.snomed, CTV3Code) AS code,
  CASE WHEN o.code IS NOT NULL THEN o.code_system WHEN c.snomed IS NOT NULL THEN 'snomed' ELSE 'ctv3' END AS code_system,
  o.term, coalesce(_day, o.effective_on) AS onset_on, coalesce(tpp_day(DateEventRecorded), o.recorded_on) AS recorded_on, _ended AS ended_on,
  CASE WHEN _ended IS NULL OR _ended > getvariable('today') THEN 'active' ELSE 'resolved' END AS status
FROM (SELECT *, tpp_day(DateEvent) AS _day, tpp_day(DateEnd) AS _ended FROM v_SRProblem) AS v
LEFT JOIN entries AS o ON o.native_id = ref(IDCode) AND o.source = v.source
LEFT JOIN ctv3_codes AS c ON c.ctv3 = CTV3Code

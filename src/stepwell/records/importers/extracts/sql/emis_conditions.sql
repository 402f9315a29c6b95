-- conditions: CareRecord_Problem; code, day and words are those of its observation, from this input or the store
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    CASE WHEN o.native_id IS NULL THEN 'unknown observation|ObservationGuid' END,
    not_a_day(EndDate, _ended, 'EndDate')
  ) AS _fault,
  subject_id, v.source, ObservationGuid AS native_id, _version AS version, coalesce(rec_org, o.org_code) AS org_code,
  o.code, o.code_system, o.term, o.effective_on AS onset_on, o.recorded_on, final_day(_ended, EndDatePrecision) AS ended_on,
  coalesce(s.value, CASE WHEN _ended IS NOT NULL THEN 'resolved' ELSE 'unknown' END) AS status
FROM (SELECT *, emis_day(EndDate) AS _ended FROM v_CareRecord_Problem) AS v
LEFT JOIN entries AS o ON o.native_id = ObservationGuid AND o.source = v.source
LEFT JOIN words AS s ON s.domain = 'problem_status' AND s.text = lower(trim(ProblemStatusDescription))

-- appointments: Appointment_Slot with the name of its session; a slot nobody has booked is not used
SELECT
  _kind, _row, _key, _gone, _withheld,
  CASE WHEN PatientGuid IS NULL AND NOT _gone THEN 'not used|free slot' ELSE coalesce(_fault, not_a_day(AppointmentDate, _day, 'AppointmentDate')) END AS _fault,
  subject_id, v.source, SlotGuid AS native_id, _version AS version, rec_org AS org_code, _day AS on_date,
  CASE WHEN yes(DidNotAttend) THEN 'did not attend' WHEN SendInTime IS NOT NULL OR LeftTime IS NOT NULL THEN 'attended' ELSE 'booked' END AS status,
  coalesce(s.description, s.kind) AS reason
FROM (SELECT *, emis_day(AppointmentDate) AS _day FROM v_Appointment_Slot) AS v
LEFT JOIN sessions AS s ON s.id = SessionGuid

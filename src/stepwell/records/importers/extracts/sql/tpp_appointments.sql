-- appointments: SRAppointment
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(_fault, not_a_day(DateStart, _day, 'DateStart')) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisation), holder) AS org_code, _day AS on_date,
  CASE WHEN DateAppointmentCancelled IS NOT NULL THEN 'cancelled' ELSE coalesce(s.value, 'unknown') END AS status,
  nullif(trim(RotaType), '') AS reason
FROM (SELECT *, tpp_day(DateStart) AS _day FROM v_SRAppointment) AS v
LEFT JOIN labels AS l ON l.id = AppointmentStatus
LEFT JOIN words AS s ON s.domain = 'appointment' AND s.text = lower(trim(coalesce(l.label, AppointmentStatus)))

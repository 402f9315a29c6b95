-- registrations: the registration that Admin_Patient tells; the person matters more than a day that cannot be read
SELECT
  _kind, _row, _key, _gone, _withheld, p._fault,
  p.subject_id, p.source, 'Patient/' || p.native_id AS native_id, p.version, p.org_code, 'registration' AS kind,
  emis_day(v.DateOfRegistration) AS started_on, emis_day(v.DateOfDeactivation) AS ended_on
FROM m_patients AS p
JOIN (SELECT _row AS _at, DateOfRegistration, DateOfDeactivation FROM v_Admin_Patient) AS v ON v._at = p._row
WHERE p._kind = 'Admin_Patient' AND v.DateOfRegistration IS NOT NULL

-- registrations: SRPatientRegistration
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    _fault,
    not_a_day(DateRegistration, _from, 'DateRegistration'), not_yet(_from, 'DateRegistration'),
    not_a_day(DateDeRegistration, _to, 'DateDeRegistration')
  ) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisation), holder) AS org_code,
  'registration' AS kind, _from AS started_on, _to AS ended_on
FROM (SELECT *, tpp_day(DateRegistration) AS _from, tpp_day(DateDeRegistration) AS _to FROM v_SRPatientRegistration)

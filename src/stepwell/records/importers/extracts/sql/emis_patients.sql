-- patients: Admin_Patient. A person whose place is to be kept secret (SpineSensitive) comes without address and telephone
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    not_a_day(DateOfBirth, _born, 'DateOfBirth'), not_yet(_born, 'DateOfBirth'),
    not_a_day(DateOfDeath, _died, 'DateOfDeath'), not_yet(_died, 'DateOfDeath'),
    _fault
  ) AS _fault,
  subject_id, source, PatientGuid AS native_id, _version AS version,
  PatientGuid AS local_id, n.number AS nhs_number, nullif(trim(NhsNumber), '') AS nhs_number_raw, coalesce(n.status, 'missing') AS nhs_status,
  _born AS birth_date, _died AS death_date, false AS _death_assumed, coalesce(sex.value, 'unknown') AS sex,
  nullif(trim(Surname), '') AS family_name, nullif(trim(concat_ws(' ', GivenName, MiddleNames)), '') AS given_name, nullif(trim(Title), '') AS title,
  CASE WHEN NOT _secret THEN nullif(concat_ws(', ', trim(HouseNameFlatNumber), trim(NumberAndStreet), trim(Village), trim(Town), trim(County)), '') END AS address,
  CASE WHEN NOT _secret THEN nullif(trim(Postcode), '') END AS postcode,
  CASE WHEN NOT _secret THEN coalesce(nullif(trim(MobilePhone), ''), nullif(trim(HomePhone), '')) END AS phone,
  CAST(NULL AS VARCHAR) AS language, CAST(NULL AS BOOLEAN) AS interpreter, holder AS org_code,
  CASE WHEN _practice THEN holder END AS gp_org_code
FROM (SELECT *, emis_day(DateOfBirth) AS _born, emis_day(DateOfDeath) AS _died, yes(SpineSensitive) AS _secret FROM v_Admin_Patient)
LEFT JOIN nhs_numbers AS n ON n.raw = NhsNumber
LEFT JOIN words AS sex ON sex.domain = 'sex' AND sex.text = lower(trim(Sex))

-- patients: SRPatient with the address and telephone number that are in force (SRPatientAddressHistory, SRPatientContactDetails)
WITH home AS (
  SELECT
    source, IDPatient, nullif(trim(FullPostCode), '') AS postcode,
    nullif(concat_ws(', ', trim(NameOfBuilding), trim(concat_ws(' ', NumberOfBuilding, NameOfRoad)), trim(NameOfLocality), trim(NameOfTown), trim(NameOfCounty)), '') AS address
  FROM v_SRPatientAddressHistory
  WHERE _fault IS NULL AND NOT _gone
  QUALIFY row_number() OVER (PARTITION BY source, IDPatient ORDER BY DateTo IS NOT NULL, lower(AddressType) = 'home' DESC NULLS LAST, tpp_day(DateEvent) DESC NULLS LAST, _row DESC) = 1
),
phone AS (
  SELECT source, IDPatient, trim(ContactNumber) AS number
  FROM v_SRPatientContactDetails
  WHERE _fault IS NULL AND NOT _gone AND trim(ContactNumber) <> ''
  QUALIFY row_number() OVER (PARTITION BY source, IDPatient ORDER BY contains(lower(coalesce(ContactType, '')), 'mobile') DESC, tpp_day(DateEvent) DESC NULLS LAST, _row DESC) = 1
)
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(
    not_a_day(DateBirth, _born, 'DateBirth'), not_yet(_born, 'DateBirth'),
    not_a_day(DateDeath, _died, 'DateDeath'), not_yet(_died, 'DateDeath'),
    CASE WHEN yes(TestPatient) THEN 'not used|test patient' END,
    _fault
  ) AS _fault,
  subject_id, v.source, RowIdentifier AS native_id,
  _version || '-' || md5(concat_ws(chr(31), home.address, chr(30), home.postcode, chr(30), phone.number))[1:8] AS version,
  RowIdentifier AS local_id, n.number AS nhs_number, nullif(trim(NHSNumber), '') AS nhs_number_raw, coalesce(n.status, 'missing') AS nhs_status,
  _born AS birth_date, _died AS death_date, false AS _death_assumed, coalesce(sex.value, 'unknown') AS sex,
  nullif(trim(Surname), '') AS family_name, nullif(trim(concat_ws(' ', FirstName, MiddleNames)), '') AS given_name, nullif(trim(Title), '') AS title,
  home.address, home.postcode, phone.number AS phone,
  CAST(NULL AS VARCHAR) AS language, CAST(NULL AS BOOLEAN) AS interpreter, holder AS org_code,
  CASE WHEN _practice THEN holder END AS gp_org_code,
  home.source IS NOT NULL AS _has_address, phone.source IS NOT NULL AS _has_phone
FROM (SELECT *, tpp_day(DateBirth) AS _born, tpp_day(DateDeath) AS _died FROM v_SRPatient) AS v
LEFT JOIN nhs_numbers AS n ON n.raw = NHSNumber
LEFT JOIN words AS sex ON sex.domain = 'sex' AND sex.text = lower(trim(Gender))
LEFT JOIN home ON home.source = v.source AND home.IDPatient = RowIdentifier
LEFT JOIN phone ON phone.source = v.source AND phone.IDPatient = RowIdentifier

-- requests: SRReferralOut; the recipient is an organisation where its id looks like an ODS code
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(_fault, not_a_day(DateEvent, _day, 'DateEvent'), not_yet(_day, 'DateEvent')) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisationDoneAt), holder) AS from_org,
  CASE WHEN regexp_full_match(RecipientID, '[A-Z][A-Z0-9]{2,5}') THEN RecipientID END AS to_org, _day AS asked_on, 'unknown' AS status,
  coalesce(nullif(trim(Reason), ''), nullif(trim(ServiceOffered), ''), nullif(trim(TypeOfReferral), '')) AS reason,
  ref(SNOMEDPrimaryDiagnosis) AS code
FROM (SELECT *, tpp_day(DateEvent) AS _day FROM v_SRReferralOut)

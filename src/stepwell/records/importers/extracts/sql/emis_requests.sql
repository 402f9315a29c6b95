-- requests: CareRecord_ObservationReferral; day and words are those of its observation
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(_fault, CASE WHEN o.native_id IS NULL THEN 'unknown observation|ObservationGuid' END) AS _fault,
  subject_id, v.source, ObservationGuid AS native_id, _version AS version,
  coalesce(f.org_code, rec_org) AS from_org, t.org_code AS to_org, o.effective_on AS asked_on,
  CASE WHEN ReferralEndDate IS NULL THEN 'active' ELSE 'completed' END AS status,
  coalesce(nullif(trim(ReferralServiceType), ''), o.term) AS reason,
  CASE WHEN o.code_system = 'snomed' THEN o.code END AS code
FROM v_CareRecord_ObservationReferral AS v
LEFT JOIN entries AS o ON o.native_id = ObservationGuid AND o.source = v.source
LEFT JOIN orgs AS f ON f.native_id = ReferralSourceOrganisationGuid
LEFT JOIN orgs AS t ON t.native_id = ReferralTargetOrganisationGuid

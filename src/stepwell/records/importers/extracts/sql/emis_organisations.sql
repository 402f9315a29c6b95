-- organisations: Admin_Organisation
SELECT
  _kind, _row, _key, _gone, _withheld, _fault, CAST(NULL AS BIGINT) AS subject_id, source,
  OrganisationGuid AS native_id, _version AS version, nullif(trim(ODSCode), '') AS org_code, nullif(trim(OrganisationName), '') AS name,
  coalesce(k.kind, 'other') AS kind
FROM v_Admin_Organisation AS v
LEFT JOIN org_kinds AS k ON k.code IS NOT DISTINCT FROM v.ODSCode AND k.words IS NOT DISTINCT FROM v.OrganisationType

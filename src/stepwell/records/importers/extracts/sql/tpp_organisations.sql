-- organisations: SROrganisation; its column ID is the ODS code
SELECT
  _kind, _row, _key, _gone, _withheld, _fault, CAST(NULL AS BIGINT) AS subject_id, source,
  RowIdentifier AS native_id, _version AS version, nullif(trim(ID), '') AS org_code, nullif(trim(Name), '') AS name,
  coalesce(k.kind, 'other') AS kind
FROM v_SROrganisation AS v
LEFT JOIN org_kinds AS k ON k.code IS NOT DISTINCT FROM v.ID AND k.words IS NULL

-- lines_in_force: agreement lines and owner assertions in force at as_of
-- reads   agreement_lines, owner_assertions
-- gives   basis (agreement | assertion), line (null for an assertion), agreement_id, owner_org, owner_role, from_on, label
-- grain   as the tables
-- rule    rulings 1 and 2: from the effective date on
SELECT a.person_id, a.substance, 'agreement' AS basis, a.line, a.agreement_id, a.owner_org, a.owner_role, a.from_on, coalesce(a.label, 'agreement') AS label
FROM agreement_lines AS a
WHERE a.from_on <= $as_of AND (a.to_on IS NULL OR a.to_on > $as_of)
UNION ALL
SELECT
  o.person_id, o.substance, 'assertion' AS basis, CAST(NULL AS VARCHAR) AS line, CAST(NULL AS VARCHAR) AS agreement_id,
  o.owner_org, o.owner_role, o.from_on, coalesce(o.label, 'assertion') AS label
FROM owner_assertions AS o
WHERE o.from_on <= $as_of AND (o.to_on IS NULL OR o.to_on > $as_of)

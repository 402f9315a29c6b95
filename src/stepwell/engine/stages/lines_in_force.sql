-- lines_in_force: agreement lines, owner assertions and requests to share care in force at as_of
-- reads   agreement_lines, owner_assertions, owner_requests
-- gives   basis (agreement | assertion | request), line (of an agreement, else null), agreement_id, owner_org, owner_role, from_on, label
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
UNION ALL
SELECT
  q.person_id, q.substance, 'request' AS basis, CAST(NULL AS VARCHAR) AS line, q.request_id AS agreement_id,
  q.owner_org, CAST(NULL AS VARCHAR) AS owner_role, q.from_on, coalesce(q.label, 'request') AS label
FROM owner_requests AS q
WHERE q.from_on <= $as_of AND (q.to_on IS NULL OR q.to_on > $as_of)

-- specialists: the specialist service that knows a person
-- reads   people, subjects, lines_in_force, registrations, supply, k_set, k_register
-- gives   specialist_org (code)
-- grain   person_id; only persons who have one
-- rule    docs/engine.md 1: a partner in an agreement, else the latest caseload, else the latest trust issue of a registered medicine
WITH agreed AS (
  SELECT l.person_id, min(l.owner_org) AS org_code
  FROM lines_in_force AS l
  JOIN people AS p ON p.person_id = l.person_id
  WHERE l.basis = 'agreement' AND l.owner_org IS NOT NULL AND l.owner_org IS DISTINCT FROM p.gp_org
  GROUP BY l.person_id
),
caseloads AS (
  SELECT
    s.person_id,
    r.org_code,
    row_number() OVER (PARTITION BY s.person_id ORDER BY r.started_on DESC NULLS LAST, r.org_code) AS place
  FROM registrations AS r
  JOIN subjects AS s ON s.subject_id = r.subject_id
  WHERE r.kind = 'caseload' AND r.org_code IS NOT NULL
    AND (r.started_on IS NULL OR r.started_on <= $as_of) AND (r.ended_on IS NULL OR r.ended_on > $as_of)
),
registered AS (
  SELECT DISTINCT m.substance
  FROM k_register AS k
  JOIN k_set AS m ON m.set_name = k.set_name
),
trust_issues AS (
  SELECT
    s.person_id,
    s.org_code,
    row_number() OVER (PARTITION BY s.person_id ORDER BY s.on_date DESC, s.org_code) AS place
  FROM supply AS s
  JOIN registered AS r ON r.substance = s.substance
  WHERE s.plan_key IS NULL AND s.supplier = 'trust' AND s.org_code IS NOT NULL
),
named AS (
  SELECT p.person_id, coalesce(a.org_code, c.org_code, t.org_code) AS specialist_org
  FROM people AS p
  LEFT JOIN agreed AS a ON a.person_id = p.person_id
  LEFT JOIN caseloads AS c ON c.person_id = p.person_id AND c.place = 1
  LEFT JOIN trust_issues AS t ON t.person_id = p.person_id AND t.place = 1
)
SELECT n.person_id, n.specialist_org
FROM named AS n
WHERE n.specialist_org IS NOT NULL

-- need_owners: the owner of each need that is not about agreeing
-- reads   members, owners, people, k_rule
-- gives   owner_org, owner_role, owner_basis, owner_label
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 8: when the members' owners differ, the practice brings them together
WITH named AS (
  SELECT
    m.person_id, m.rule_id, m.subject, m.substance, o.owner_org, o.owner_role, o.owner_basis, o.owner_label,
    row_number() OVER (PARTITION BY m.person_id, m.rule_id, m.subject ORDER BY m.substance) AS place,
    min(o.owner_org) OVER (PARTITION BY m.person_id, m.rule_id, m.subject) AS least_org,
    max(o.owner_org) OVER (PARTITION BY m.person_id, m.rule_id, m.subject) AS greatest_org
  FROM members AS m
  JOIN owners AS o ON o.person_id = m.person_id AND o.substance = m.substance AND o.rule_id = m.rule_id
)
SELECT
  n.person_id,
  n.rule_id,
  n.subject,
  CASE WHEN n.least_org = n.greatest_org THEN n.owner_org ELSE coalesce(p.gp_org, 'nobody') END AS owner_org,
  CASE WHEN n.least_org = n.greatest_org THEN coalesce(n.owner_role, r.role) ELSE r.role END AS owner_role,
  CASE WHEN n.least_org = n.greatest_org THEN n.owner_basis ELSE 'ruling' END AS owner_basis,
  CASE WHEN n.least_org = n.greatest_org THEN n.owner_label ELSE 'several owners: the practice brings them together' END AS owner_label
FROM named AS n
JOIN people AS p ON p.person_id = n.person_id
JOIN k_rule AS r ON r.rule_id = n.rule_id
WHERE n.place = 1

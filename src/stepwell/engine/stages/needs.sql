-- needs: what must be done, by whom, by when
-- reads   due, need_owners, agree, raised, people, k_rule, k_point
-- gives   the contract's columns, and hastened
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 7, 8, 10, 13 and 18; ruling 6: a figure carries its own mark
WITH owed AS (
  SELECT
    d.person_id, d.rule_id, d.subject, d.point, d.state, d.base_on, d.opens_on, d.due_on, d.served_on, d.served_by, d.hastened, d.escalates_on,
    o.owner_org, o.owner_role, o.owner_basis, o.owner_label
  FROM due AS d
  JOIN need_owners AS o ON o.person_id = d.person_id AND o.rule_id = d.rule_id AND o.subject = d.subject
  UNION ALL
  SELECT
    a.person_id, a.rule_id, a.subject, 'ongoing' AS point, a.state, a.base_on, a.due_on AS opens_on, a.due_on,
    CAST(NULL AS DATE) AS served_on, CAST(NULL AS VARCHAR) AS served_by, FALSE AS hastened, CAST(NULL AS DATE) AS escalates_on,
    coalesce(p.gp_org, 'nobody') AS owner_org, r.role AS owner_role, 'always' AS owner_basis, 'the practice brings the parties together' AS owner_label
  FROM agree AS a
  JOIN people AS p ON p.person_id = a.person_id
  JOIN k_rule AS r ON r.rule_id = a.rule_id
),
marks AS (
  SELECT k.rule_id, k.point, min(k.mark) AS mark
  FROM k_point AS k
  GROUP BY k.rule_id, k.point
)
SELECT
  w.person_id,
  w.rule_id,
  w.subject,
  w.point,
  r.version AS rule_version,
  r.kind,
  r.title,
  CASE WHEN r.kind <> 'supply' THEN r.test END AS test,
  w.state,
  w.base_on AS anchor_on,
  w.opens_on,
  w.due_on,
  coalesce(w.escalates_on, w.due_on + r.escalate_days) AS escalate_on,
  w.served_on,
  w.served_by,
  w.owner_org,
  w.owner_role,
  w.owner_basis,
  w.owner_label,
  coalesce(m.mark, r.mark) AS mark,
  coalesce(m.mark, r.mark) IS DISTINCT FROM 'V' AND NOT p.approved AS needs_approval,
  coalesce(r.points, 0) AS priority,
  w.hastened
FROM owed AS w
JOIN k_rule AS r ON r.rule_id = w.rule_id
LEFT JOIN marks AS m ON m.rule_id = w.rule_id AND m.point = w.point
JOIN people AS p ON p.person_id = w.person_id
UNION ALL
SELECT
  a.person_id,
  a.rule_id,
  a.subject,
  a.point,
  a.rule_version,
  'asked' AS kind,
  a.title,
  a.test,
  a.state,
  a.anchor_on,
  a.opens_on,
  a.due_on,
  a.escalate_on,
  a.served_on,
  a.served_by,
  a.owner_org,
  a.owner_role,
  a.owner_basis,
  a.owner_label,
  CAST(NULL AS VARCHAR) AS mark,
  FALSE AS needs_approval,
  a.priority,
  FALSE AS hastened
FROM raised AS a

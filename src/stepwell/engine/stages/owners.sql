-- owners: who looks after each medicine on register, and who owns each rule's line of it
-- reads   listed, members, people, specialists, suppliers, lines_in_force, k_rule, k_substance
-- gives   owner_org (code or nobody), owner_role (of the line, else null), owner_basis (agreement | assertion | always | request | ruling), owner_label
-- grain   person_id, substance, rule_id (null for the medicine itself)
-- rule    docs/engine.md 8; rulings 1 and 2
WITH asked AS (
  SELECT e.person_id, e.substance, CAST(NULL AS VARCHAR) AS rule_id FROM listed AS e
  UNION ALL
  SELECT DISTINCT m.person_id, m.substance, m.rule_id FROM members AS m
),
ruled AS (
  SELECT a.person_id, a.substance, a.rule_id, r.test, r.owner
  FROM asked AS a
  LEFT JOIN k_rule AS r ON r.rule_id = a.rule_id
),
offered AS (
  SELECT
    q.person_id, q.substance, q.rule_id, l.basis, l.owner_org, l.owner_role, l.label, l.from_on, l.agreement_id,
    CASE
      WHEN l.basis = 'assertion' THEN 4
      WHEN l.basis = 'request' THEN 5
      WHEN q.rule_id IS NULL AND l.line = 'prescribe' THEN 1
      WHEN l.line = q.rule_id THEN 1
      WHEN l.line = q.test THEN 2
      WHEN l.line = 'all' THEN 3
    END AS nearness
  FROM ruled AS q
  JOIN lines_in_force AS l ON l.person_id = q.person_id AND l.substance = q.substance
),
chosen AS (
  SELECT
    o.*,
    row_number() OVER (
      PARTITION BY o.person_id, o.substance, o.rule_id
      ORDER BY o.nearness, o.from_on DESC, o.agreement_id, o.owner_org NULLS LAST, o.owner_role, o.label
    ) AS place
  FROM offered AS o
  WHERE o.nearness IS NOT NULL
),
weighed AS (
  SELECT
    q.person_id, q.substance, q.rule_id, q.owner,
    c.basis, c.owner_org, c.owner_role, c.label,
    p.gp_org, t.specialist_org, s.supplied_by, s.first_org, s.by_gp,
    coalesce(k.specialist_initiated, FALSE) AS specialist_initiated,
    s.specialist_start AND $as_of < add_months(e.started_on, $specialist_months) AS recent_start
  FROM ruled AS q
  JOIN listed AS e ON e.person_id = q.person_id AND e.substance = q.substance
  JOIN people AS p ON p.person_id = q.person_id
  LEFT JOIN specialists AS t ON t.person_id = q.person_id
  LEFT JOIN suppliers AS s ON s.person_id = q.person_id AND s.substance = q.substance
  LEFT JOIN k_substance AS k ON k.substance = q.substance
  LEFT JOIN chosen AS c ON c.person_id = q.person_id AND c.substance = q.substance AND c.rule_id IS NOT DISTINCT FROM q.rule_id AND c.place = 1
)
SELECT
  w.person_id,
  w.substance,
  w.rule_id,
  coalesce(
    CASE
      WHEN w.basis <> 'request' THEN w.owner_org
      WHEN w.owner = 'practice' THEN w.gp_org
      WHEN w.owner = 'specialist' THEN w.specialist_org
      WHEN w.basis = 'request' THEN w.owner_org
      WHEN w.specialist_initiated AND w.supplied_by = 'gp' AND NOT w.recent_start THEN w.gp_org
      WHEN w.specialist_initiated THEN NULL
      WHEN w.by_gp THEN w.gp_org
      ELSE w.first_org
    END,
    'nobody'
  ) AS owner_org,
  w.owner_role,
  CASE
    WHEN w.basis <> 'request' THEN w.basis
    WHEN w.owner IN ('practice', 'specialist') THEN 'always'
    WHEN w.basis = 'request' THEN w.basis
    ELSE 'ruling'
  END AS owner_basis,
  CASE
    WHEN w.basis <> 'request' THEN w.label
    WHEN w.owner = 'practice' THEN 'the rule names the practice'
    WHEN w.owner = 'specialist' THEN 'the rule names the specialist service'
    WHEN w.basis = 'request' THEN w.label
    WHEN w.specialist_initiated AND w.supplied_by = 'gp' AND NOT w.recent_start THEN 'supplied by the practice only'
    WHEN w.specialist_initiated AND w.supplied_by = 'gp'
      THEN 'started by a specialist less than ' || CAST($specialist_months AS VARCHAR) || ' months ago, and no agreement is on record'
    WHEN w.specialist_initiated THEN 'supplied by ' || w.supplied_by || ', and no agreement is on record'
    WHEN w.by_gp THEN 'supplied by the practice'
    ELSE 'supplied by ' || w.supplied_by
  END AS owner_label
FROM weighed AS w

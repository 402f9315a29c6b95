-- suppliers: who now supplies each medicine on register, and whether a specialist started it
-- reads   listed, supply, people, subjects, letters
-- gives   supplied_by ("gp+trust"), supplier_orgs ("A81001+RX4", null when no code), first_org (smallest code), by_gp, specialist_start
-- grain   person_id, substance
-- rule    docs/engine.md 3 and 8: events of the last supplier_days and an elsewhere plan in force, else the latest event; ruling 1
WITH of_course AS (
  SELECT
    e.person_id, e.substance, e.started_on, e.last_event_on, s.on_date, s.supplier, s.org_code, s.plan_key,
    s.on_date >= e.started_on AND s.on_date > $as_of - CAST($supplier_days AS INTEGER)
      OR (s.plan_key IS NOT NULL AND s.on_date + CAST(s.days AS INTEGER) > $as_of) AS recent
  FROM listed AS e
  JOIN supply AS s ON s.person_id = e.person_id AND s.substance = e.substance
),
marked AS (
  SELECT
    c.*,
    bool_or(c.recent) OVER (PARTITION BY c.person_id, c.substance) AS any_recent
  FROM of_course AS c
),
now AS (
  SELECT
    m.person_id,
    m.substance,
    string_agg(DISTINCT m.supplier, '+' ORDER BY m.supplier) AS supplied_by,
    string_agg(DISTINCT m.org_code, '+' ORDER BY m.org_code) AS supplier_orgs,
    min(m.org_code) AS first_org,
    bool_or(m.supplier = 'gp') AS by_gp
  FROM marked AS m
  WHERE m.recent OR (NOT m.any_recent AND m.on_date = m.last_event_on)
  GROUP BY m.person_id, m.substance
),
begun AS (
  SELECT
    c.person_id,
    c.substance,
    bool_or(c.on_date = c.started_on AND c.supplier IN ('trust', 'private') OR (c.plan_key IS NOT NULL AND c.on_date >= c.started_on)) AS by_specialist
  FROM of_course AS c
  GROUP BY c.person_id, c.substance
),
written AS (
  SELECT DISTINCT e.person_id, e.substance
  FROM listed AS e
  JOIN people AS p ON p.person_id = e.person_id
  JOIN subjects AS s ON s.person_id = e.person_id
  JOIN letters AS t ON t.subject_id = s.subject_id
  WHERE t.from_org IS NOT NULL AND t.from_org IS DISTINCT FROM p.gp_org AND t.sent_on <= $as_of
    AND t.sent_on >= add_months(e.started_on, 0 - $letter_months) AND t.sent_on <= add_months(e.started_on, $letter_months)
)
SELECT
  n.person_id,
  n.substance,
  n.supplied_by,
  n.supplier_orgs,
  n.first_org,
  n.by_gp,
  b.by_specialist OR w.person_id IS NOT NULL AS specialist_start
FROM now AS n
JOIN begun AS b ON b.person_id = n.person_id AND b.substance = n.substance
LEFT JOIN written AS w ON w.person_id = n.person_id AND w.substance = n.substance

-- ongoing: the point that goes on once a rule's chain is through
-- reads   points, scheduled, evidence, answers, holding, people
-- gives   due_on, served_on and served_by (the latest evidence), state (open | not applicable), hastened (a sooner interval was used)
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 7: last evidence + interval, the anchor standing in for missing evidence; 15; rulings 7 and 16: those overdue when the practice began are spread over a year
WITH waiting AS (
  SELECT DISTINCT s.person_id, s.rule_id, s.subject
  FROM scheduled AS s
  WHERE s.in_chain AND s.state = 'open'
),
running AS (
  SELECT p.*
  FROM points AS p
  LEFT JOIN waiting AS w ON w.person_id = p.person_id AND w.rule_id = p.rule_id AND w.subject = p.subject
  WHERE p.kind = 'ongoing' AND w.person_id IS NULL
),
latest AS (
  SELECT
    k.person_id, k.rule_id, k.subject, k.point, e.on_date, e.kind,
    row_number() OVER (PARTITION BY k.person_id, k.rule_id, k.subject, k.point ORDER BY e.on_date DESC, e.rank) AS place
  FROM (SELECT DISTINCT r.person_id, r.rule_id, r.subject, r.point FROM running AS r) AS k
  JOIN evidence AS e ON e.person_id = k.person_id AND e.rule_id = k.rule_id AND e.subject = k.subject
  WHERE e.kind = 'result' OR e.point = k.point
),
since AS (
  SELECT r.*, l.on_date AS served_on, l.kind AS served_by, coalesce(l.on_date, r.base_on) AS from_on
  FROM running AS r
  LEFT JOIN latest AS l ON l.person_id = r.person_id AND l.rule_id = r.rule_id AND l.subject = r.subject AND l.point = r.point AND l.place = 1
),
fitting AS (
  SELECT
    s.*,
    row_number() OVER (PARTITION BY s.person_id, s.rule_id, s.subject, s.point ORDER BY s.until_on NULLS LAST, s.seq) AS place
  FROM since AS s
  WHERE s.until_on IS NULL OR s.from_on < s.until_on
),
dated AS (
  SELECT
    f.*,
    CASE
      WHEN f.served_on IS NULL AND f.first_due THEN f.due_on
      ELSE add_months(f.from_on, coalesce(f.every_months, 0)) + coalesce(f.every_days, 0)
    END AS usual_on,
    CASE
      WHEN h.person_id IS NOT NULL AND (f.sooner_months IS NOT NULL OR f.sooner_days IS NOT NULL)
        THEN add_months(f.from_on, coalesce(f.sooner_months, 0)) + coalesce(f.sooner_days, 0)
    END AS sooner_on
  FROM fitting AS f
  LEFT JOIN holding AS h ON h.person_id = f.person_id AND h.rule_id = f.rule_id AND h.subject = f.subject AND h.part = 'sooner'
  WHERE f.place = 1
),
sooner AS (
  SELECT
    d.*,
    CASE WHEN d.sooner_on < d.usual_on THEN d.sooner_on ELSE d.usual_on END AS then_on
  FROM dated AS d
),
waivers AS (
  SELECT DISTINCT a.person_id, a.rule_id, a.subject, a.point
  FROM answers AS a
  WHERE a.waived
)
SELECT
  d.person_id, d.rule_id, d.subject, d.point, d.base_on,
  coalesce(d.served_on + 1, d.base_on) AS opens_on,
  CASE
    WHEN d.spread AND d.served_on IS NULL AND d.then_on < p.first_approved_on THEN p.first_approved_on + CAST((d.person_id * 7919) % 365 AS INTEGER)
    ELSE d.then_on
  END AS due_on,
  d.served_on,
  d.served_by,
  CASE WHEN w.person_id IS NOT NULL THEN 'not applicable' ELSE 'open' END AS state,
  coalesce(d.sooner_on < d.usual_on, FALSE) AS hastened
FROM sooner AS d
JOIN people AS p ON p.person_id = d.person_id
LEFT JOIN waivers AS w ON w.person_id = d.person_id AND w.rule_id = d.rule_id AND w.subject = d.subject AND w.point = d.point

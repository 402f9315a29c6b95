-- raised: duties that people's work raised, as last stated, with what answered them
-- reads   asked, people, readings, answers
-- gives   the columns of needs but mark and needs_approval; why, ended_on, ended_why and died_on for because
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 18: what was stated last by as_of; the earliest result or answer serves; a death ends it, nothing else
WITH stated AS (
  SELECT
    a.*, 'asked.' || a.source AS rule_id,
    row_number() OVER (PARTITION BY a.person_id, a.source, a.source_id, a.point ORDER BY a.seq DESC) AS place
  FROM asked AS a
  WHERE a.stated_on <= $as_of
),
evidence AS (
  SELECT s.person_id, s.rule_id, s.source_id, s.point, r.on_date, 'result' AS kind, 3 AS rank
  FROM stated AS s
  JOIN readings AS r ON r.person_id = s.person_id AND r.test = s.test AND r.on_date >= s.opens_on
  WHERE s.place = 1
  UNION ALL
  SELECT s.person_id, s.rule_id, s.source_id, s.point, w.on_date, w.kind, w.rank
  FROM stated AS s
  JOIN answers AS w ON w.person_id = s.person_id AND w.rule_id = s.rule_id AND w.subject = s.source_id AND w.point = s.point
  WHERE s.place = 1 AND w.rank IS NOT NULL
),
ranked AS (
  SELECT e.*, row_number() OVER (PARTITION BY e.person_id, e.rule_id, e.source_id, e.point ORDER BY e.on_date, e.rank) AS turn
  FROM evidence AS e
),
waivers AS (
  SELECT DISTINCT w.person_id, w.rule_id, w.subject, w.point
  FROM answers AS w
  WHERE w.waived
),
told AS (
  SELECT
    s.*,
    e.on_date AS evidence_on, e.kind AS evidence_kind,
    CASE
      WHEN s.kind = 'done' THEN 'met'
      WHEN s.kind = 'superseded' THEN 'superseded'
      WHEN e.kind = 'declined' THEN 'declined'
      WHEN e.kind IS NOT NULL THEN 'met'
      WHEN w.person_id IS NOT NULL THEN 'not applicable'
      WHEN p.died_on >= s.raised_on THEN 'superseded'
      ELSE 'open'
    END AS state,
    p.died_on
  FROM stated AS s
  JOIN people AS p ON p.person_id = s.person_id
  LEFT JOIN ranked AS e ON e.person_id = s.person_id AND e.rule_id = s.rule_id AND e.source_id = s.source_id AND e.point = s.point AND e.turn = 1
  LEFT JOIN waivers AS w ON w.person_id = s.person_id AND w.rule_id = s.rule_id AND w.subject = s.source_id AND w.point = s.point
  WHERE s.place = 1
)
SELECT
  t.person_id,
  t.rule_id,
  t.source_id AS subject,
  t.point,
  t.round AS rule_version,
  t.title,
  t.test,
  t.state,
  t.raised_on AS anchor_on,
  t.opens_on,
  t.due_on,
  t.escalate_on,
  CASE WHEN t.kind = 'asked' THEN t.evidence_on ELSE t.ended_on END AS served_on,
  CASE t.kind WHEN 'asked' THEN t.evidence_kind WHEN 'done' THEN 'done' ELSE 'withdrawn' END AS served_by,
  coalesce(t.owner_org, 'nobody') AS owner_org,
  t.owner_role,
  'asked' AS owner_basis,
  t.label AS owner_label,
  coalesce(t.points, 0) AS priority,
  t.why,
  CASE WHEN t.kind <> 'asked' THEN t.ended_on END AS ended_on,
  CASE WHEN t.kind <> 'asked' THEN t.ended_why END AS ended_why,
  CASE WHEN t.kind = 'asked' AND t.state = 'superseded' THEN t.died_on END AS died_on
FROM told AS t

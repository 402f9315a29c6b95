-- windows: window points and what served them
-- reads   points, evidence
-- gives   served_on, served_by (result | done | declined), null when nothing did
-- grain   person_id, rule_id, subject, seq
-- rule    docs/engine.md 7: the earliest result inside the window or answer to this very point; on one day declined, done, result
WITH fits AS (
  SELECT
    p.person_id, p.rule_id, p.subject, p.seq, e.on_date, e.kind,
    row_number() OVER (PARTITION BY p.person_id, p.rule_id, p.subject, p.seq ORDER BY e.on_date, e.rank) AS place
  FROM points AS p
  JOIN evidence AS e ON e.person_id = p.person_id AND e.rule_id = p.rule_id AND e.subject = p.subject
  WHERE p.kind = 'window'
    AND (e.point = p.point OR (e.kind = 'result' AND e.on_date >= p.opens_on AND (p.closes_on IS NULL OR e.on_date <= p.closes_on)))
)
SELECT p.person_id, p.rule_id, p.subject, p.point, p.seq, p.base_on, p.opens_on, p.due_on, p.lapses_on, f.on_date AS served_on, f.kind AS served_by
FROM points AS p
LEFT JOIN fits AS f ON f.person_id = p.person_id AND f.rule_id = p.rule_id AND f.subject = p.subject AND f.seq = p.seq AND f.place = 1
WHERE p.kind = 'window'

-- chain_points: chain points and what served them
-- reads   points, evidence
-- gives   served_on, served_by (result | done | declined), null when nothing did
-- grain   person_id, rule_id, subject, seq
-- rule    docs/engine.md 7: each day with a result serves the earliest point it fits that nothing has served; an answer to a point serves it and uses no result.
-- rule    Windows overlap at most their neighbour, so a point takes its first day unless the point before took that day, else its second. Whether it takes the
-- rule    second flips where the first days clash, is handed on where the second day before is the first day now, and starts again otherwise: a parity within a run
WITH fits AS (
  SELECT
    p.person_id, p.rule_id, p.subject, p.seq, e.on_date,
    row_number() OVER (PARTITION BY p.person_id, p.rule_id, p.subject, p.seq ORDER BY e.on_date) AS place
  FROM points AS p
  JOIN evidence AS e ON e.person_id = p.person_id AND e.rule_id = p.rule_id AND e.subject = p.subject AND e.kind = 'result'
  WHERE p.kind = 'chain' AND e.on_date >= p.opens_on AND (p.lapses_on IS NULL OR e.on_date < p.lapses_on)
),
days AS (
  SELECT
    f.person_id, f.rule_id, f.subject, f.seq,
    max(CASE WHEN f.place = 1 THEN f.on_date END) AS first_on,
    max(CASE WHEN f.place = 2 THEN f.on_date END) AS second_on
  FROM fits AS f
  WHERE f.place <= 2
  GROUP BY f.person_id, f.rule_id, f.subject, f.seq
),
answered AS (
  SELECT
    e.person_id, e.rule_id, e.subject, e.point, e.on_date, e.kind,
    row_number() OVER (PARTITION BY e.person_id, e.rule_id, e.subject, e.point ORDER BY e.on_date, e.rank) AS place
  FROM evidence AS e
  WHERE e.point IS NOT NULL
),
joined AS (
  SELECT
    p.person_id, p.rule_id, p.subject, p.point, p.seq, p.base_on, p.opens_on, p.due_on, p.lapses_on,
    d.first_on, d.second_on, a.on_date AS answered_on, a.kind AS answered_by
  FROM points AS p
  LEFT JOIN days AS d ON d.person_id = p.person_id AND d.rule_id = p.rule_id AND d.subject = p.subject AND d.seq = p.seq
  LEFT JOIN answered AS a ON a.person_id = p.person_id AND a.rule_id = p.rule_id AND a.subject = p.subject AND a.point = p.point AND a.place = 1
  WHERE p.kind = 'chain'
),
compared AS (
  SELECT
    j.*,
    CASE WHEN j.first_on = lag(CASE WHEN j.answered_on IS NULL THEN j.first_on END, 1) OVER (PARTITION BY j.person_id, j.rule_id, j.subject ORDER BY j.seq)
      THEN 1 ELSE 0 END AS clash,
    CASE WHEN j.first_on = lag(CASE WHEN j.answered_on IS NULL THEN j.second_on END, 1) OVER (PARTITION BY j.person_id, j.rule_id, j.subject ORDER BY j.seq)
      THEN 1 ELSE 0 END AS handed_on
  FROM joined AS j
),
runs AS (
  SELECT
    c.*,
    sum(CASE WHEN c.clash + c.handed_on = 0 THEN 1 ELSE 0 END) OVER (PARTITION BY c.person_id, c.rule_id, c.subject ORDER BY c.seq) AS run
  FROM compared AS c
),
turns AS (
  SELECT
    r.*,
    sum(r.clash) OVER (PARTITION BY r.person_id, r.rule_id, r.subject, r.run ORDER BY r.seq) % 2 AS takes_second
  FROM runs AS r
),
served AS (
  SELECT
    t.person_id, t.rule_id, t.subject, t.point, t.seq, t.base_on, t.opens_on, t.due_on, t.lapses_on,
    CASE WHEN t.answered_on IS NOT NULL THEN t.answered_on WHEN t.takes_second = 0 THEN t.first_on ELSE t.second_on END AS served_on,
    CASE WHEN t.answered_on IS NOT NULL THEN t.answered_by ELSE 'result' END AS served_by
  FROM turns AS t
)
SELECT
  s.person_id, s.rule_id, s.subject, s.point, s.seq, s.base_on, s.opens_on, s.due_on, s.lapses_on,
  s.served_on,
  CASE WHEN s.served_on IS NOT NULL THEN s.served_by END AS served_by
FROM served AS s

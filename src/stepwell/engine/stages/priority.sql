-- priority: points of a person's score, one row a reason
-- reads   needs, facts, k_priority
-- gives   the contract's columns
-- grain   person_id, reason
-- rule    docs/engine.md 10 and 16: only persons with an open need that is due
WITH late AS (
  SELECT
    n.person_id,
    max(date_diff('day', n.due_on, $as_of)) AS days_late,
    bool_or(n.owner_org = 'nobody') AS any_nobody
  FROM needs AS n
  WHERE n.state = 'open' AND n.due_on <= $as_of
  GROUP BY n.person_id
),
given AS (
  SELECT l.person_id, k.reason, k.grp, k.label, k.cap, k.points * (l.days_late // nullif(k.per_days, 0)) AS points
  FROM late AS l
  CROSS JOIN k_priority AS k
  WHERE k.kind = 'overdue'
  UNION ALL
  SELECT l.person_id, k.reason, k.grp, k.label, k.cap, k.points
  FROM late AS l
  CROSS JOIN k_priority AS k
  WHERE k.kind = 'nobody' AND l.any_nobody
  UNION ALL
  SELECT l.person_id, k.reason, k.grp, k.label, k.cap, k.points
  FROM late AS l
  JOIN facts AS f ON f.person_id = l.person_id
  JOIN k_priority AS k ON k.kind = 'fact' AND k.fact = f.fact AND coalesce(k.subject, '') = f.subject
  WHERE CASE k.op
    WHEN 'is' THEN TRUE
    WHEN '>=' THEN f.value >= k.value
    WHEN '>' THEN f.value > k.value
    WHEN '<=' THEN f.value <= k.value
    WHEN '<' THEN f.value < k.value
  END
),
due_of_kind AS (
  SELECT n.person_id, n.kind, count(*) AS needs
  FROM needs AS n
  WHERE n.state = 'open' AND n.due_on <= $as_of
  GROUP BY n.person_id, n.kind
),
all_given AS (
  SELECT g.* FROM given AS g
  UNION ALL
  SELECT d.person_id, k.reason, k.grp, k.label, k.cap, k.points * d.needs AS points
  FROM due_of_kind AS d
  JOIN k_priority AS k ON k.kind = 'needs' AND k.subject = d.kind
),
capped AS (
  SELECT g.person_id, g.reason, g.grp, g.label, CASE WHEN g.points > g.cap THEN g.cap ELSE g.points END AS points
  FROM all_given AS g
)
SELECT c.person_id, c.reason, c.grp, c.label, c.points
FROM capped AS c
WHERE c.points <> 0

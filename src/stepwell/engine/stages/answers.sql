-- answers: what people answered to a duty, on or before as_of
-- reads   dispositions
-- gives   kind, on_date, rank (1 declined, 2 done), waived (a not applicable in force), label
-- grain   as dispositions
-- rule    docs/engine.md 7; ruling 20
SELECT
  d.person_id,
  d.rule_id,
  d.subject,
  d.point,
  d.kind,
  d.on_date,
  CASE d.kind WHEN 'declined' THEN 1 WHEN 'done' THEN 2 END AS rank,
  d.kind = 'not applicable' AND (d.until IS NULL OR d.until > $as_of) AS waived,
  d.label
FROM dispositions AS d
WHERE d.on_date <= $as_of

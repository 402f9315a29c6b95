-- scheduled: window and chain points with their state
-- reads   windows, chain_points, answers
-- gives   state (open | met | declined | not applicable | lapsed), emitted (a chain point beyond the next is not shown yet), in_chain
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 7; rulings 4, 5, 20
WITH both_kinds AS (
  SELECT w.*, FALSE AS in_chain FROM windows AS w
  UNION ALL
  SELECT c.*, TRUE AS in_chain FROM chain_points AS c
),
waivers AS (
  SELECT DISTINCT a.person_id, a.rule_id, a.subject, a.point
  FROM answers AS a
  WHERE a.waived
),
stated AS (
  SELECT
    b.*,
    CASE
      WHEN b.served_by = 'declined' THEN 'declined'
      WHEN b.served_on IS NOT NULL THEN 'met'
      WHEN b.lapses_on <= $as_of THEN 'lapsed'
      WHEN w.person_id IS NOT NULL THEN 'not applicable'
      ELSE 'open'
    END AS state,
    min(CASE WHEN b.in_chain AND b.opens_on > $as_of AND b.served_on IS NULL AND (b.lapses_on IS NULL OR b.lapses_on > $as_of) THEN b.seq END)
      OVER (PARTITION BY b.person_id, b.rule_id, b.subject) AS next_seq
  FROM both_kinds AS b
  LEFT JOIN waivers AS w ON w.person_id = b.person_id AND w.rule_id = b.rule_id AND w.subject = b.subject AND w.point = b.point
)
SELECT
  s.person_id, s.rule_id, s.subject, s.point, s.base_on, s.opens_on, s.due_on, s.served_on, s.served_by, s.state, s.in_chain,
  NOT s.in_chain OR s.served_on IS NOT NULL OR s.state = 'lapsed' OR s.opens_on <= $as_of OR s.seq = s.next_seq AS emitted
FROM stated AS s

-- supply_duties: needs of the rules about supply: nobody prescribing, or several
-- reads   gaps, applicable, answers
-- gives   state (open | met | declined | not applicable), served_on, served_by (supply | done | declined)
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 13: nobody: the earliest answer to that very end of supply; several: the latest answer since, which serves for both_months
WITH asked AS (
  SELECT g.*
  FROM gaps AS g
  JOIN applicable AS a ON a.person_id = g.person_id AND a.rule_id = g.rule_id AND a.subject = g.substance
),
answered AS (
  SELECT
    g.person_id, g.rule_id, g.substance, s.on_date, s.kind,
    NOT g.by_several OR s.on_date > add_months($as_of, 0 - $both_months) AS serves,
    row_number() OVER (
      PARTITION BY g.person_id, g.rule_id, g.substance
      ORDER BY CASE WHEN g.by_several THEN date_diff('day', s.on_date, $as_of) ELSE date_diff('day', g.base_on, s.on_date) END, s.rank
    ) AS place
  FROM asked AS g
  JOIN answers AS s ON s.person_id = g.person_id AND s.rule_id = g.rule_id AND s.subject = g.substance AND s.point = g.point AND s.rank IS NOT NULL
  WHERE NOT g.by_several OR s.on_date >= g.base_on
),
waivers AS (
  SELECT DISTINCT s.person_id, s.rule_id, s.subject, s.point
  FROM answers AS s
  WHERE s.waived
)
SELECT
  g.person_id,
  g.rule_id,
  g.substance AS subject,
  g.point,
  g.base_on,
  g.base_on AS opens_on,
  g.due_on,
  g.escalates_on,
  CASE WHEN g.resumed_on IS NOT NULL THEN g.resumed_on ELSE a.on_date END AS served_on,
  CASE WHEN g.resumed_on IS NOT NULL THEN 'supply' ELSE a.kind END AS served_by,
  CASE
    WHEN g.resumed_on IS NOT NULL THEN 'met'
    WHEN a.kind = 'declined' AND a.serves THEN 'declined'
    WHEN a.serves THEN 'met'
    WHEN w.person_id IS NOT NULL THEN 'not applicable'
    ELSE 'open'
  END AS state,
  g.words
FROM asked AS g
LEFT JOIN answered AS a ON a.person_id = g.person_id AND a.rule_id = g.rule_id AND a.substance = g.substance AND a.place = 1
LEFT JOIN waivers AS w ON w.person_id = g.person_id AND w.rule_id = g.rule_id AND w.subject = g.substance AND w.point = g.point

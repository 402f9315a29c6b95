-- anchors: whom each rule is about, and the day it counts from, before its conditions are asked
-- reads   exposure, listed, class_courses, sides, triggers, licences, gaps, k_rule, k_set
-- gives   subject, anchor_on (of a finding: its course start, for its conditions give its anchor), change_on, point (the day of the trigger for result rules, else null)
-- grain   person_id, rule_id, subject
-- rule    docs/engine.md 6, 13 and 15; a rule applies once its course has lasted after_months and after_days; a finding's and supply's days are counted later
WITH matched AS (
  SELECT a.person_id, a.rule_id, b.substance AS second, c.substance AS third
  FROM sides AS a
  JOIN sides AS b ON b.person_id = a.person_id AND b.rule_id = a.rule_id AND b.side = 2 AND b.substance <> a.substance
  LEFT JOIN sides AS c ON c.person_id = a.person_id AND c.rule_id = a.rule_id AND c.side = 3 AND c.substance <> a.substance AND c.substance <> b.substance
  WHERE a.side = 1
),
combined AS (
  SELECT DISTINCT m.person_id, m.rule_id
  FROM matched AS m
  JOIN k_rule AS r ON r.rule_id = m.rule_id
  WHERE r.set_c IS NULL OR m.third IS NOT NULL
),
side_starts AS (
  SELECT s.person_id, s.rule_id, s.side, min(s.started_on) AS started_on, max(s.last_change_on) AS last_change_on
  FROM sides AS s
  GROUP BY s.person_id, s.rule_id, s.side
),
candidates AS (
  SELECT e.person_id, r.rule_id, e.substance AS subject, e.started_on AS anchor_on, e.last_change_on AS change_on, CAST(NULL AS VARCHAR) AS point
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN exposure AS e ON e.substance = m.substance
  WHERE r.kind = 'agree' OR (r.kind IN ('monitor', 'review', 'finding') AND coalesce(r.per, 'substance') <> 'class')
  UNION ALL
  SELECT c.person_id, r.rule_id, r.set_name AS subject, c.started_on AS anchor_on, c.last_change_on AS change_on, CAST(NULL AS VARCHAR) AS point
  FROM k_rule AS r
  JOIN class_courses AS c ON c.set_name = r.set_name
  WHERE r.kind IN ('monitor', 'review', 'finding') AND r.per = 'class' AND c.members > 0
  UNION ALL
  SELECT
    s.person_id, r.rule_id,
    r.set_name || '+' || r.set_b || CASE WHEN r.set_c IS NULL THEN '' ELSE '+' || r.set_c END AS subject,
    max(s.started_on) AS anchor_on, max(s.last_change_on) AS change_on, CAST(NULL AS VARCHAR) AS point
  FROM combined AS d
  JOIN k_rule AS r ON r.rule_id = d.rule_id
  JOIN side_starts AS s ON s.person_id = d.person_id AND s.rule_id = d.rule_id
  GROUP BY s.person_id, r.rule_id, r.set_name, r.set_b, r.set_c
  UNION ALL
  SELECT t.person_id, t.rule_id, t.subject, t.trigger_on AS anchor_on, t.trigger_on AS change_on, CAST(t.trigger_on AS VARCHAR) AS point
  FROM triggers AS t
  UNION ALL
  SELECT e.person_id, r.rule_id, e.substance AS subject, e.started_on AS anchor_on, e.last_change_on AS change_on, CAST(NULL AS VARCHAR) AS point
  FROM k_rule AS r
  JOIN k_set AS m ON m.set_name = r.set_name
  JOIN exposure AS e ON e.substance = m.substance
  JOIN licences AS l ON l.person_id = e.person_id AND l.substance = e.substance
  WHERE r.kind = 'licence' AND l.licence IN ('off-licence', 'unknown') AND l.intended_end_on IS NULL
  UNION ALL
  SELECT g.person_id, g.rule_id, g.substance AS subject, e.started_on AS anchor_on, e.last_change_on AS change_on, CAST(NULL AS VARCHAR) AS point
  FROM gaps AS g
  JOIN listed AS e ON e.person_id = g.person_id AND e.substance = g.substance
)
SELECT c.person_id, c.rule_id, c.subject, c.anchor_on, c.change_on, c.point
FROM candidates AS c
JOIN k_rule AS r ON r.rule_id = c.rule_id
WHERE r.kind IN ('finding', 'supply') OR $as_of >= add_months(c.anchor_on, coalesce(r.after_months, 0)) + coalesce(r.after_days, 0)

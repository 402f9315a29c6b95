-- interactions: medicines of a person that are not safe together
-- reads   last_courses, k_interaction, k_set
-- gives   the contract's columns
-- grain   person_id, interaction
-- rule    docs/engine.md 14: each set has a member of its own, at least one of them on register; within window_days a medicine that ended still counts
WITH asked AS (
  SELECT k.interaction, 1 AS side, k.set_a AS set_name, k.window_days FROM k_interaction AS k
  UNION ALL
  SELECT k.interaction, 2 AS side, k.set_b AS set_name, k.window_days FROM k_interaction AS k
  UNION ALL
  SELECT k.interaction, 3 AS side, k.set_c AS set_name, k.window_days FROM k_interaction AS k WHERE k.set_c IS NOT NULL
),
held AS (
  SELECT l.person_id, a.interaction, a.side, l.substance, l.started_on, l.status <> 'stopped' AS on_register
  FROM asked AS a
  JOIN k_set AS m ON m.set_name = a.set_name
  JOIN last_courses AS l ON l.substance = m.substance
  WHERE l.status <> 'stopped' OR (a.window_days > 0 AND l.supply_ends_on + CAST(a.window_days AS INTEGER) >= $as_of)
),
met AS (
  SELECT DISTINCT a.person_id, a.interaction
  FROM held AS a
  JOIN held AS b ON b.person_id = a.person_id AND b.interaction = a.interaction AND b.side = 2 AND b.substance <> a.substance
  JOIN k_interaction AS k ON k.interaction = a.interaction
  LEFT JOIN held AS c ON c.person_id = a.person_id AND c.interaction = a.interaction AND c.side = 3 AND c.substance <> a.substance AND c.substance <> b.substance
  WHERE a.side = 1 AND (k.set_c IS NULL OR c.person_id IS NOT NULL) AND (a.on_register OR b.on_register OR coalesce(c.on_register, FALSE))
),
sides AS (
  SELECT h.person_id, h.interaction, h.side, min(h.started_on) AS started_on
  FROM met AS t
  JOIN held AS h ON h.person_id = t.person_id AND h.interaction = t.interaction
  GROUP BY h.person_id, h.interaction, h.side
),
since AS (
  SELECT s.person_id, s.interaction, max(s.started_on) AS from_on
  FROM sides AS s
  GROUP BY s.person_id, s.interaction
),
named AS (
  SELECT t.person_id, t.interaction, string_agg(DISTINCT h.substance, '+' ORDER BY h.substance) AS substances
  FROM met AS t
  JOIN held AS h ON h.person_id = t.person_id AND h.interaction = t.interaction
  GROUP BY t.person_id, t.interaction
)
SELECT s.person_id, s.interaction, k.severity, s.from_on, n.substances
FROM since AS s
JOIN named AS n ON n.person_id = s.person_id AND n.interaction = s.interaction
JOIN k_interaction AS k ON k.interaction = s.interaction

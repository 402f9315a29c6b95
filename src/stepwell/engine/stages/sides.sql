-- sides: which medicines on register stand on which side of a combination rule
-- reads   exposure, k_rule, k_set
-- gives   side (1, 2, 3: the rule's sets in order), set_name, substance, started_on, last_change_on
-- grain   person_id, rule_id, side, substance
-- rule    docs/engine.md 6
WITH named AS (
  SELECT r.rule_id, 1 AS side, r.set_name FROM k_rule AS r WHERE r.kind = 'combination'
  UNION ALL
  SELECT r.rule_id, 2 AS side, r.set_b AS set_name FROM k_rule AS r WHERE r.kind = 'combination'
  UNION ALL
  SELECT r.rule_id, 3 AS side, r.set_c AS set_name FROM k_rule AS r WHERE r.kind = 'combination' AND r.set_c IS NOT NULL
)
SELECT e.person_id, n.rule_id, n.side, n.set_name, e.substance, e.started_on, e.last_change_on
FROM named AS n
JOIN k_set AS m ON m.set_name = n.set_name
JOIN exposure AS e ON e.substance = m.substance

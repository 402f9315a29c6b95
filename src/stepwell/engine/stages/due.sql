-- due: every need of a rule but those to agree who, before its owner is known
-- reads   scheduled, ongoing
-- gives   base_on, opens_on, due_on, served_on, served_by, state, hastened
-- grain   person_id, rule_id, subject, point
-- rule    docs/engine.md 7
SELECT
  s.person_id, s.rule_id, s.subject, s.point, s.base_on, s.opens_on, s.due_on, s.served_on, s.served_by, s.state, FALSE AS hastened
FROM scheduled AS s
WHERE s.emitted
UNION ALL
SELECT
  o.person_id, o.rule_id, o.subject, o.point, o.base_on, o.opens_on, o.due_on, o.served_on, o.served_by, o.state, o.hastened
FROM ongoing AS o

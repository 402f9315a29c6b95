-- holding: which parts of a rule's conditions hold for whom
-- reads   anchors, facts, k_when
-- gives   grp (the first group that holds)
-- grain   person_id, rule_id, subject, part
-- rule    docs/engine.md 5 and 15: groups are joined by OR, rows within one by AND; * asks about the subject of the need
WITH checked AS (
  SELECT a.person_id, a.rule_id, a.subject, w.part, w.grp, count(*) AS conditions, count(f.person_id) AS held
  FROM anchors AS a
  JOIN k_when AS w ON w.rule_id = a.rule_id
  LEFT JOIN facts AS f
    ON f.person_id = a.person_id
    AND f.fact = w.fact
    AND f.subject = CASE WHEN w.subject = '*' THEN a.subject ELSE coalesce(w.subject, '') END
    AND CASE w.op
      WHEN 'is' THEN TRUE
      WHEN '>=' THEN f.value >= w.value
      WHEN '>' THEN f.value > w.value
      WHEN '<=' THEN f.value <= w.value
      WHEN '<' THEN f.value < w.value
    END
  GROUP BY a.person_id, a.rule_id, a.subject, w.part, w.grp
)
SELECT c.person_id, c.rule_id, c.subject, c.part, min(c.grp) AS grp
FROM checked AS c
WHERE c.conditions = c.held
GROUP BY c.person_id, c.rule_id, c.subject, c.part

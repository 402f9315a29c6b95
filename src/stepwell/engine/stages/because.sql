-- because: why a need exists, as the facts it read, in order
-- reads   needs, raised, listed, class_courses, sides, triggers, supply_duties, readings, holding, facts, answers, k_rule, k_when, k_test
-- gives   the contract's columns
-- grain   person_id, rule_id, subject, point, seq
-- rule    docs/engine.md 9, 13, 15 and 18
WITH keyed AS (
  SELECT
    n.person_id, n.rule_id, n.subject, n.point, n.kind, n.test, n.hastened, n.owner_label,
    coalesce(coalesce(r.per, 'substance') = 'class' AND r.kind IN ('monitor', 'review', 'result', 'finding'), FALSE) AS per_class
  FROM needs AS n
  LEFT JOIN k_rule AS r ON r.rule_id = n.rule_id
),
side_starts AS (
  SELECT s.person_id, s.rule_id, s.side, s.set_name, min(s.started_on) AS started_on
  FROM sides AS s
  GROUP BY s.person_id, s.rule_id, s.side, s.set_name
),
reasons AS (
  SELECT a.person_id, a.rule_id, a.subject, a.point, 0 AS section, 1 AS line, 'asked' AS kind,
    a.why AS label, a.anchor_on AS on_date, CAST(NULL AS BIGINT) AS value
  FROM raised AS a
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 1 AS section, 1 AS line, 'course' AS kind,
    k.subject || ' since ' || CAST(e.started_on AS VARCHAR) AS label, e.started_on AS on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
  JOIN listed AS e ON e.person_id = k.person_id AND e.substance = k.subject
  WHERE NOT k.per_class AND k.kind NOT IN ('combination', 'asked')
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 1 AS section, 1 AS line, 'course' AS kind,
    k.subject || ' since ' || CAST(c.started_on AS VARCHAR) AS label, c.started_on AS on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
  JOIN class_courses AS c ON c.person_id = k.person_id AND c.set_name = k.subject
  WHERE k.per_class
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 1 AS section, s.side AS line, 'course' AS kind,
    s.set_name || ' since ' || CAST(s.started_on AS VARCHAR) AS label, s.started_on AS on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
  JOIN side_starts AS s ON s.person_id = k.person_id AND s.rule_id = k.rule_id
  WHERE k.kind = 'combination'
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 2 AS section, 1 AS line, 'trigger' AS kind,
    coalesce(t.label, g.test) || ' ' || g.words AS label, g.trigger_on AS on_date, g.value_milli AS value
  FROM keyed AS k
  JOIN triggers AS g ON g.person_id = k.person_id AND g.rule_id = k.rule_id
  LEFT JOIN k_test AS t ON t.test = g.test
  WHERE k.kind = 'result'
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 3 AS section, 1 AS line, 'baseline' AS kind,
    'baseline ' || g.baseline_words AS label, g.baseline_on AS on_date, g.baseline_milli AS value
  FROM keyed AS k
  JOIN triggers AS g ON g.person_id = k.person_id AND g.rule_id = k.rule_id
  WHERE k.kind = 'result' AND g.baseline_on IS NOT NULL
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 4 AS section, 1 AS line, 'supply' AS kind,
    d.words AS label, d.base_on AS on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
  JOIN supply_duties AS d ON d.person_id = k.person_id AND d.rule_id = k.rule_id AND d.subject = k.subject
  WHERE k.kind = 'supply'
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 5 AS section, 1 AS line,
    CASE WHEN v.person_id IS NULL THEN 'no result' ELSE 'last result' END AS kind,
    CASE WHEN v.person_id IS NULL THEN 'no ' || coalesce(t.label, k.test) || ' on record' ELSE coalesce(t.label, k.test) || ' ' || v.words END AS label,
    v.on_date, v.value_milli AS value
  FROM keyed AS k
  LEFT JOIN k_test AS t ON t.test = k.test
  LEFT JOIN readings AS v ON v.person_id = k.person_id AND v.test = k.test AND v.is_latest
  WHERE k.test IS NOT NULL
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, CASE WHEN w.part = 'sooner' THEN 6 ELSE 7 END AS section, w.seq AS line, 'condition' AS kind,
    w.label || ': ' || f.evidence AS label, f.from_on AS on_date, CASE WHEN f.fact IN ('last', 'falling') THEN f.value END AS value
  FROM keyed AS k
  JOIN holding AS h ON h.person_id = k.person_id AND h.rule_id = k.rule_id AND h.subject = k.subject
  JOIN k_when AS w ON w.rule_id = h.rule_id AND w.part = h.part AND w.grp = h.grp
  JOIN facts AS f ON f.person_id = k.person_id AND f.fact = w.fact AND f.subject = CASE WHEN w.subject = '*' THEN k.subject ELSE coalesce(w.subject, '') END
  WHERE w.part = 'applies' OR (w.part = 'sooner' AND k.hastened)
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 8 AS section,
    row_number() OVER (PARTITION BY k.person_id, k.rule_id, k.subject, k.point ORDER BY a.on_date, a.kind, a.label NULLS LAST) AS line,
    'answer' AS kind,
    a.kind || ' on ' || CAST(a.on_date AS VARCHAR) || CASE WHEN a.label IS NULL THEN '' ELSE ': ' || a.label END AS label,
    a.on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
  JOIN (SELECT DISTINCT s.person_id, s.rule_id, s.subject, s.point, s.kind, s.on_date, s.label FROM answers AS s) AS a
    ON a.person_id = k.person_id AND a.rule_id = k.rule_id AND a.subject = k.subject AND a.point = k.point
  UNION ALL
  SELECT a.person_id, a.rule_id, a.subject, a.point, 9 AS section, 1 AS line, 'answer' AS kind,
    CASE WHEN a.died_on IS NULL THEN coalesce(a.ended_why, 'no longer asked') ELSE 'died on ' || CAST(a.died_on AS VARCHAR) END AS label,
    coalesce(a.ended_on, a.died_on) AS on_date, CAST(NULL AS BIGINT) AS value
  FROM raised AS a
  WHERE a.ended_on IS NOT NULL OR a.died_on IS NOT NULL
  UNION ALL
  SELECT k.person_id, k.rule_id, k.subject, k.point, 10 AS section, 1 AS line, 'owner' AS kind,
    k.owner_label AS label, CAST(NULL AS DATE) AS on_date, CAST(NULL AS BIGINT) AS value
  FROM keyed AS k
)
SELECT
  r.person_id, r.rule_id, r.subject, r.point,
  row_number() OVER (PARTITION BY r.person_id, r.rule_id, r.subject, r.point ORDER BY r.section, r.line, r.label) AS seq,
  r.kind, r.label, r.on_date, r.value
FROM reasons AS r

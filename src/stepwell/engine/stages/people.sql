-- people: who a person is, which practice has them registered, and whether duties are owed for them
-- reads   subjects, patients, organisations, registrations, approvals, k_pack
-- gives   birth_date, sex, death_date, gp_org (code, null when none), counted (alive and not deregistered), died_on and left_on (of who is not: death, end of the last registration), registered_on (start of the registration that gives gp_org), approved (gp_org has approved the pack), first_approved_on (gp_org's first approval of any version of it)
-- grain   person_id
-- rule    docs/engine.md 1; a practice's word goes before others'
WITH practices AS (
  SELECT DISTINCT o.org_code
  FROM organisations AS o
  WHERE o.kind = 'practice' AND o.org_code IS NOT NULL
),
records AS (
  SELECT
    s.person_id,
    p.birth_date,
    p.sex,
    p.death_date,
    p.gp_org_code,
    CASE WHEN holder.org_code IS NOT NULL OR regexp_matches(p.org_code, '^[A-Z][0-9]{5}$') THEN p.org_code END AS practice_code,
    row_number() OVER (
      PARTITION BY s.person_id
      ORDER BY
        CASE WHEN origin.org_code IS NOT NULL OR regexp_matches(p.source, '^[A-Z][0-9]{5}$') THEN 0 ELSE 1 END,
        p.source, p.native_id NULLS LAST, p.subject_id
    ) AS place
  FROM patients AS p
  JOIN subjects AS s ON s.subject_id = p.subject_id
  LEFT JOIN practices AS origin ON origin.org_code = p.source
  LEFT JOIN practices AS holder ON holder.org_code = p.org_code
),
stated AS (
  SELECT
    r.person_id,
    min(CASE WHEN r.birth_date IS NOT NULL THEN r.place END) AS birth_place,
    min(CASE WHEN r.sex IS NOT NULL THEN r.place END) AS sex_place,
    min(CASE WHEN r.death_date IS NOT NULL THEN r.place END) AS death_place,
    min(r.practice_code) AS practice_code,
    min(r.gp_org_code) AS gp_org_code
  FROM records AS r
  GROUP BY r.person_id
),
persons AS (
  SELECT
    t.person_id,
    max(CASE WHEN r.place = t.birth_place THEN r.birth_date END) AS birth_date,
    max(CASE WHEN r.place = t.sex_place THEN r.sex END) AS sex,
    max(CASE WHEN r.place = t.death_place THEN r.death_date END) AS death_date,
    max(t.practice_code) AS practice_code,
    max(t.gp_org_code) AS gp_org_code
  FROM stated AS t
  JOIN records AS r ON r.person_id = t.person_id
  GROUP BY t.person_id
),
registered AS (
  SELECT
    s.person_id,
    r.org_code,
    r.started_on,
    r.ended_on,
    CASE WHEN r.ended_on IS NULL OR r.ended_on > $as_of THEN 1 ELSE 0 END AS in_force,
    row_number() OVER (
      PARTITION BY s.person_id
      ORDER BY
        CASE WHEN r.ended_on IS NULL OR r.ended_on > $as_of THEN 0 ELSE 1 END,
        r.started_on DESC NULLS LAST, r.org_code NULLS LAST
    ) AS place
  FROM registrations AS r
  JOIN subjects AS s ON s.subject_id = r.subject_id
  WHERE r.kind = 'registration' AND (r.started_on IS NULL OR r.started_on <= $as_of)
),
practice_of AS (
  SELECT
    g.person_id,
    max(g.in_force) AS in_force,
    max(CASE WHEN g.place = 1 AND g.in_force = 1 THEN g.org_code END) AS org_code,
    max(CASE WHEN g.place = 1 AND g.in_force = 1 THEN g.started_on END) AS registered_on,
    max(g.ended_on) AS last_ended_on
  FROM registered AS g
  GROUP BY g.person_id
),
known AS (
  SELECT
    a.person_id,
    p.birth_date,
    p.sex,
    p.death_date,
    CASE WHEN g.person_id IS NOT NULL THEN g.org_code ELSE coalesce(p.practice_code, p.gp_org_code) END AS gp_org,
    (p.death_date IS NULL OR p.death_date > $as_of) AND coalesce(g.in_force, 1) = 1 AS counted,
    CASE WHEN p.death_date <= $as_of THEN p.death_date END AS died_on,
    CASE WHEN g.in_force = 0 THEN g.last_ended_on END AS left_on,
    g.registered_on
  FROM (SELECT DISTINCT s.person_id FROM subjects AS s) AS a
  LEFT JOIN persons AS p ON p.person_id = a.person_id
  LEFT JOIN practice_of AS g ON g.person_id = a.person_id
),
approving AS (
  SELECT v.org_code, bool_or(v.version = k.version) AS approved, min(v.approved_on) AS first_approved_on
  FROM approvals AS v
  JOIN k_pack AS k ON k.pack = v.pack
  WHERE v.approved_on <= $as_of
  GROUP BY v.org_code
)
SELECT
  n.person_id,
  n.birth_date,
  n.sex,
  n.death_date,
  n.gp_org,
  n.counted,
  n.died_on,
  n.left_on,
  n.registered_on,
  coalesce(v.approved, FALSE) AS approved,
  v.first_approved_on
FROM known AS n
LEFT JOIN approving AS v ON v.org_code = n.gp_org

-- subjects: the person each record belongs to, by the link in force
-- reads   links
-- gives   person_id
-- grain   subject_id
-- rule    a link that was undone does not count (design, section 3)
SELECT
  l.subject_id,
  min(l.person_id) AS person_id
FROM links AS l
WHERE l.undone_at IS NULL
GROUP BY l.subject_id

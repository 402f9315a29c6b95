-- candidates: issues in the window that may be of the register's medicines, by code, by name or by a decision about a term
-- reads   issues_read, wanted_codes, wanted_names, wanted_terms
-- gives   the columns that say which product it is
-- grain   subject_id, code_system, code, term, term_name, unit
-- rule    more than it needs to be: the stage products decides
SELECT DISTINCT i.subject_id, i.code_system, i.code, i.term, i.term_name, i.unit
FROM issues_read AS i
WHERE i.issued_on > $since AND i.issued_on <= $as_of
  AND coalesce(i.status, 'unknown') NOT IN ('cancelled', 'draft', 'entered in error')
  AND (
    i.code IN (SELECT w.code FROM wanted_codes AS w)
    OR i.term_name IN (SELECT n.term_name FROM wanted_names AS n)
    OR lower(i.term) IN (SELECT t.term FROM wanted_terms AS t)
  )

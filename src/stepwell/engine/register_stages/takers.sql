-- takers: who had a medicine of the register in the window
-- reads   candidates, products, subjects, wanted_substances
-- gives   substances ("a+b")
-- grain   person_id
-- rule    an issue of any organisation counts
SELECT s.person_id, string_agg(DISTINCT p.substance, '+' ORDER BY p.substance) AS substances
FROM candidates AS c
JOIN products AS p
  ON p.code_system IS NOT DISTINCT FROM c.code_system
  AND p.code IS NOT DISTINCT FROM c.code
  AND p.term IS NOT DISTINCT FROM c.term
  AND p.term_name IS NOT DISTINCT FROM c.term_name
  AND p.written_unit IS NOT DISTINCT FROM c.unit
JOIN wanted_substances AS w ON w.substance = p.substance
JOIN subjects AS s ON s.subject_id = c.subject_id
GROUP BY s.person_id

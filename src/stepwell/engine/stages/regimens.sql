-- regimens: the present dose of each medicine on register, in numbers and as written
-- reads   listed, chains, supply
-- gives   daily_ug (micrograms a day, null when not known), dose_provenance, as_required, dose_text, term
-- grain   person_id, substance
-- rule    that of the latest event
WITH written AS (
  SELECT
    s.person_id,
    s.substance,
    string_agg(DISTINCT s.dose_text, '; ' ORDER BY s.dose_text) AS dose_text,
    string_agg(DISTINCT s.term, '; ' ORDER BY s.term) AS term
  FROM listed AS e
  JOIN supply AS s ON s.person_id = e.person_id AND s.substance = e.substance AND s.on_date = e.last_event_on
  GROUP BY s.person_id, s.substance
)
SELECT
  e.person_id,
  e.substance,
  c.daily_ug,
  CASE c.trust WHEN 1 THEN 'structured' WHEN 2 THEN 'text' WHEN 3 THEN 'estimated' ELSE 'unknown' END AS dose_provenance,
  c.as_required,
  w.dose_text,
  w.term
FROM listed AS e
JOIN chains AS c ON c.person_id = e.person_id AND c.substance = e.substance AND c.on_date = e.last_event_on
LEFT JOIN written AS w ON w.person_id = e.person_id AND w.substance = e.substance

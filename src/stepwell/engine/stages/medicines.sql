-- medicines: one row per person and medicine on register at as_of, or long lapsed and not answered
-- reads   listed, regimens, measures, suppliers, licences, owners
-- gives   the contract's columns
-- grain   person_id, substance
-- rule    docs/engine.md 3, 8 and 11
SELECT
  e.person_id,
  e.substance,
  e.status,
  e.started_on,
  e.last_change_on,
  e.last_issued_on,
  e.supply_ends_on,
  r.daily_ug,
  r.dose_provenance,
  r.as_required,
  q.counted_ug,
  q.months,
  q.covered_percent,
  q.early_issues,
  r.dose_text,
  r.term,
  s.supplied_by,
  s.supplier_orgs,
  l.licence,
  l.indication,
  l.indication_from,
  l.intended_end_on,
  o.owner_org,
  o.owner_role,
  o.owner_basis,
  o.owner_label
FROM listed AS e
JOIN regimens AS r ON r.person_id = e.person_id AND r.substance = e.substance
JOIN measures AS q ON q.person_id = e.person_id AND q.substance = e.substance
JOIN suppliers AS s ON s.person_id = e.person_id AND s.substance = e.substance
JOIN licences AS l ON l.person_id = e.person_id AND l.substance = e.substance
JOIN owners AS o ON o.person_id = e.person_id AND o.substance = e.substance AND o.rule_id IS NULL

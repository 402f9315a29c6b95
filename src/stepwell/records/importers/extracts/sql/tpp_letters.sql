-- letters: SRLetter; an organisation is named in words, which is its code only where it looks like one
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(_fault, not_a_day(DateEvent, _day, 'DateEvent'), not_yet(_day, 'DateEvent')) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version,
  CASE WHEN _out THEN coalesce(ref(IDOrganisationDoneAt), holder) WHEN regexp_full_match(SenderOrganisation, '[A-Z][A-Z0-9]{2,5}') THEN SenderOrganisation END AS from_org,
  CASE WHEN NOT _out THEN coalesce(ref(IDOrganisationDoneAt), holder) WHEN regexp_full_match(RecipientOrganisation, '[A-Z][A-Z0-9]{2,5}') THEN RecipientOrganisation END AS to_org,
  _day AS sent_on, CAST(NULL AS VARCHAR) AS code, coalesce(l.label, nullif(trim(CommunicationType), '')) AS title
FROM (SELECT *, tpp_day(DateEvent) AS _day, coalesce(lower(Direction) LIKE 'out%', false) AS _out FROM v_SRLetter)
LEFT JOIN labels AS l ON l.id = CommunicationType

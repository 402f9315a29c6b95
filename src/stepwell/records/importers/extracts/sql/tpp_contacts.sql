-- contacts: SREvent
SELECT
  _kind, _row, _key, _gone, _withheld,
  coalesce(_fault, not_a_day(DateEvent, _day, 'DateEvent'), not_yet(_day, 'DateEvent')) AS _fault,
  subject_id, source, RowIdentifier AS native_id, _version AS version, coalesce(ref(IDOrganisationDoneAt), holder) AS org_code,
  coalesce(l.label, nullif(trim(ContactMethod), '')) AS kind, CAST(NULL AS VARCHAR) AS code,
  coalesce(l.label, nullif(trim(ContactMethod), '')) AS term, _day AS on_date
FROM (SELECT *, tpp_day(DateEvent) AS _day FROM v_SREvent)
LEFT JOIN labels AS l ON l.id = ContactMethod

"""The platform under every area of the web.

An area (`stepwell.web.<area>`, found by its `apps.py` and `urls.py`) uses:

- `request.actor` (`actor.Actor`): who acts, as what, for which organisations (`actor.organisations`).
- `gate.open_patient`, `gate.open_list`, `gate.require`: decide, record, raise the 403 page. Selectors hand in `access.Relationship`s.
- `audit.record_write` inside `transaction.atomic()` in every service. A view that records nothing is not sent, unless `@no_patient_data`.
- `append_only.AppendOnlyModel` with `append_only.protect(table)` in its migration.
- `layout.add_navigation` and `layout.provide_stamp` in `AppConfig.ready`.
- `forms.Form` and its fields; a template that extends `core/base.jinja` and has `form` in its context shows the error summary.
- `core/macros.jinja`: tag, count, when, nhs_number, patient_banner, before_contact, pager. Classes are in `static/stepwell/stepwell.css`.
- `formatting.clinician` and `formatting.patient`; `clock.today()` and `clock.now()`.
"""

from __future__ import annotations

from django.apps import AppConfig


class ContactConfig(AppConfig):
    name = "stepwell.web.contact"
    label = "contact"
    verbose_name = "Contact"

    def ready(self) -> None:
        from stepwell.web.contact import panels, selectors
        from stepwell.web.core.layout import add_before_contact, add_patient_panel

        add_before_contact(selectors.before_contact)
        add_patient_panel(panels.adjustments, order=10)

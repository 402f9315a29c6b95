from __future__ import annotations

from django.apps import AppConfig


class ContactConfig(AppConfig):
    name = "stepwell.web.contact"
    label = "contact"
    verbose_name = "Contact"

    def ready(self) -> None:
        from stepwell.web.contact import panels, selectors
        from stepwell.web.contact.models import AdjustmentEvent
        from stepwell.web.core.layout import add_before_contact, add_patient_panel
        from stepwell.web.core.traces import add_traces

        add_before_contact(selectors.before_contact)
        add_patient_panel(panels.adjustments, order=10)
        add_traces(AdjustmentEvent)

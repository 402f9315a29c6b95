from __future__ import annotations

from django.apps import AppConfig


class IncomingConfig(AppConfig):
    name = "stepwell.web.incoming"
    label = "incoming"
    verbose_name = "Letters from outside"

    def ready(self) -> None:
        from stepwell.web.core.layout import add_patient_panel
        from stepwell.web.core.traces import add_traces
        from stepwell.web.incoming import panels
        from stepwell.web.incoming.models import ReceivedLetter
        from stepwell.web.ledger.workplaces import done_there

        add_patient_panel(panels.received, order=45)
        add_traces(ReceivedLetter)
        done_there("received letter", {"read": ("Read the letter", "incoming:show_letter")})

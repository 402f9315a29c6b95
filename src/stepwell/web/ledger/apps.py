from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "stepwell.web.ledger"
    label = "ledger"
    verbose_name = "Ledger of duties"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_navigation, add_patient_panel, provide_stamp
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger import handover_pages, selectors
        from stepwell.web.ledger.models import Handover, PendingEvaluation

        add_navigation(NavItem("Worklist", "ledger:list_duties", Permission.VIEW_WORKLIST, order=10))
        provide_stamp(selectors.stamp)
        add_patient_panel(handover_pages.panel, order=10)
        add_traces(Handover, PendingEvaluation)

from __future__ import annotations

from django.apps import AppConfig


class TransfersConfig(AppConfig):
    name = "stepwell.web.transfers"
    label = "transfers"
    verbose_name = "Transfers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import BETWEEN, NavItem, add_navigation, add_notice, add_patient_panel, add_way_back
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger.apply import add_reach
        from stepwell.web.ledger.workplaces import done_there
        from stepwell.web.transfers import panels, selectors
        from stepwell.web.transfers.models import Transfer

        add_navigation(NavItem("Transfers", "transfers:list_transfers", Permission.VIEW_AGREEMENTS, order=34, group=BETWEEN))
        add_patient_panel(panels.transfer, order=14)
        add_notice(panels.late_returns)
        add_way_back(panels.rapid_return, order=10)
        add_reach(selectors.reach)
        page = "transfers:show_transfer"
        done_there(
            "transfer",
            {"answer": ("Answer the proposal", page), "prepare": ("Prepare the transfer", page), "return": ("Answer the return", page)},
        )
        add_traces(Transfer)

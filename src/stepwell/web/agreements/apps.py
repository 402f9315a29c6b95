from __future__ import annotations

from django.apps import AppConfig


class AgreementsConfig(AppConfig):
    name = "stepwell.web.agreements"
    label = "agreements"
    verbose_name = "Agreements"

    def ready(self) -> None:
        from stepwell.web.agreements import panels
        from stepwell.web.agreements.models import Agreement
        from stepwell.web.core.layout import BETWEEN, NavItem, add_medicine_lines, add_navigation, add_notice, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger.workplaces import done_there

        add_navigation(NavItem("Shared care", "agreements:list_agreements", Permission.VIEW_AGREEMENTS, order=33, group=BETWEEN))
        add_navigation(
            NavItem("Shared care numbers", "agreements:show_numbers", Permission.VIEW_INTERFACE_NUMBERS, order=61, group=BETWEEN)
        )
        add_patient_panel(panels.shared_care, order=5)
        add_medicine_lines(panels.medicine_lines)
        add_notice(panels.late_answers)
        page = "agreements:show_agreement"
        done_there(
            "agreement",
            {
                "answer": ("Answer the request", page),
                "question": ("Answer the question", page),
                "proposal": ("Answer the proposal", page),
                "hand-back": ("Answer the hand-back", page),
                "review": ("Renew or end it", page),
                "intended end": ("Renew or end it", page),
                "suspended": ("Take it up or end it", page),
            },
        )
        add_traces(Agreement)

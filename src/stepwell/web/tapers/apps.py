from __future__ import annotations

from django.apps import AppConfig


class TapersConfig(AppConfig):
    name = "stepwell.web.tapers"
    label = "tapers"
    verbose_name = "Tapers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import REVIEWS, NavItem, add_medicine_lines, add_navigation, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger.evaluation import add_clock
        from stepwell.web.tapers import clocks, panels, studio_panels
        from stepwell.web.tapers.models import TaperPlan

        add_navigation(NavItem("Reducing", "tapers:list_reducing", Permission.SUPPORT_REDUCTION, order=13, group=REVIEWS))
        add_patient_panel(panels.of_person, order=8)
        add_medicine_lines(panels.medicine_lines)
        add_medicine_lines(studio_panels.medicine_lines)
        add_clock(clocks.let_time_pass)
        add_traces(TaperPlan)

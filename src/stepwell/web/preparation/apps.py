from __future__ import annotations

from django.apps import AppConfig


class PreparationConfig(AppConfig):
    name = "stepwell.web.preparation"
    label = "preparation"
    verbose_name = "Preparation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import REVIEWS, NavItem, add_navigation, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.preparation import panels
        from stepwell.web.preparation.models import AnswerSheet

        add_navigation(NavItem("Review bench", "preparation:show_bench", Permission.REVIEW_MEDICINES, order=12, group=REVIEWS))
        add_patient_panel(panels.prepared, order=3)
        add_traces(AnswerSheet)

from __future__ import annotations

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    name = "stepwell.web.outcomes"
    label = "outcomes"
    verbose_name = "Outcomes"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import REVIEWS, NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Outcomes", "outcomes:show_outcomes", Permission.VIEW_OUTCOMES, order=16, group=REVIEWS))

from __future__ import annotations

from django.apps import AppConfig


class WeekConfig(AppConfig):
    name = "stepwell.web.week"
    label = "week"
    verbose_name = "The week"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_list_tools, add_navigation
        from stepwell.web.core.permissions import Permission
        from stepwell.web.week.list_tools import list_tools

        add_navigation(NavItem("Week ahead", "week:show_week", Permission.VIEW_WEEK, order=12))
        add_navigation(NavItem("Team board", "week:show_board", Permission.VIEW_WORKLIST, order=13))
        add_list_tools(list_tools)

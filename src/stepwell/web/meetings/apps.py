from __future__ import annotations

from django.apps import AppConfig


class MeetingsConfig(AppConfig):
    name = "stepwell.web.meetings"
    label = "meetings"
    verbose_name = "Meetings"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import BETWEEN, NavItem, add_navigation, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.meetings import panels
        from stepwell.web.meetings.models import AgendaItem

        add_navigation(NavItem("Meetings", "meetings:list_meetings", Permission.HOLD_MEETINGS, order=36, group=BETWEEN))
        add_patient_panel(panels.meetings, order=40)
        add_traces(AgendaItem)

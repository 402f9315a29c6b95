from __future__ import annotations

from django.apps import AppConfig


class TeamConfig(AppConfig):
    name = "stepwell.web.team"
    label = "team"
    verbose_name = "Team around the person"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import add_around, add_patient_panel
        from stepwell.web.core.traces import add_traces
        from stepwell.web.team import panels
        from stepwell.web.team.models import TeamEvent

        add_patient_panel(panels.team, order=12)
        add_around(panels.strip)
        add_traces(TeamEvent)

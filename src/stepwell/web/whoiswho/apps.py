from __future__ import annotations

from django.apps import AppConfig


class WhoIsWhoConfig(AppConfig):
    name = "stepwell.web.whoiswho"
    label = "whoiswho"
    verbose_name = "Who is who"

    def ready(self) -> None:
        from stepwell.web.core.layout import MANAGE, NavItem, add_navigation, add_patient_panel
        from stepwell.web.whoiswho.panels import who_to_call

        add_navigation(NavItem("Who is who", "whoiswho:list_links", order=70, group=MANAGE))
        add_patient_panel(who_to_call, order=20)

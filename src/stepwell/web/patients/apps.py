from __future__ import annotations

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "stepwell.web.patients"
    label = "patients"
    verbose_name = "Patients"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Search", "patients:search_people", Permission.SEARCH_PATIENTS, order=20))

from __future__ import annotations

from django.apps import AppConfig


class LettersConfig(AppConfig):
    name = "stepwell.web.letters"
    label = "letters"
    verbose_name = "Letters"

    def ready(self) -> None:
        from stepwell.web.core.layout import BETWEEN, NavItem, add_navigation, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.letters.models import Draft, Letter
        from stepwell.web.letters.panels import letters

        add_navigation(NavItem("Letters", "letters:list_inbox", Permission.VIEW_PATIENT, order=35, group=BETWEEN))
        add_navigation(NavItem("Letter completeness", "letters:show_measures", Permission.VIEW_INTERFACE_NUMBERS, order=60, group=BETWEEN))
        add_patient_panel(letters, order=25)
        add_traces(Draft, Letter)

from __future__ import annotations

from django.apps import AppConfig


class OperationsConfig(AppConfig):
    name = "stepwell.web.operations"
    label = "operations"
    verbose_name = "Operations"

    def ready(self) -> None:
        from stepwell.web.core.layout import MANAGE, NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Imports", "operations:list_imports", Permission.IMPORT_RECORDS, order=80, group=MANAGE))

from __future__ import annotations

from django.apps import AppConfig


class LibraryConfig(AppConfig):
    name = "stepwell.web.library"
    label = "library"
    verbose_name = "Knowledge browser"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Knowledge", "library:list_entries", Permission.VIEW_WORKLIST, order=55))

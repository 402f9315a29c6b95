from __future__ import annotations

from django.apps import AppConfig


class CodingConfig(AppConfig):
    name = "stepwell.web.coding"
    label = "coding"
    verbose_name = "Coding queue"

    def ready(self) -> None:
        from stepwell.web.core.layout import MANAGE, NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Coding queue", "coding:list_products", Permission.DECIDE_CODING, order=55, group=MANAGE))

from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "stepwell.web.accounts"
    label = "accounts"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        add_navigation(NavItem("Staff", "accounts:list_staff", Permission.MANAGE_STAFF, order=80))

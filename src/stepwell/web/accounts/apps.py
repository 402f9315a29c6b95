from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "stepwell.web.accounts"
    label = "accounts"

    def ready(self) -> None:
        from django.db.models.signals import post_delete, post_save

        from stepwell.web.accounts.models import Organisation
        from stepwell.web.accounts.selectors import forget_organisations
        from stepwell.web.core.layout import MANAGE, NavItem, add_navigation
        from stepwell.web.core.permissions import Permission

        for written in (post_save, post_delete):
            written.connect(forget_organisations, sender=Organisation, dispatch_uid="organisations known")
        add_navigation(NavItem("Staff", "accounts:list_staff", Permission.MANAGE_STAFF, order=80, group=MANAGE))

from __future__ import annotations

from django.apps import AppConfig


class RegistersConfig(AppConfig):
    name = "stepwell.web.registers"
    label = "registers"
    verbose_name = "Registers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import NavItem, add_navigation
        from stepwell.web.core.permissions import Permission
        from stepwell.web.ledger.apply import add_keeper
        from stepwell.web.registers.keep import keep

        add_keeper(keep)
        add_navigation(NavItem("Registers", "registers:list_registers", Permission.VIEW_REGISTERS, order=15))

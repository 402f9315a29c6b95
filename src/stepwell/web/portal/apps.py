from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "stepwell.web.portal"
    label = "portal"
    verbose_name = "The person's own page"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.portal import panels
        from stepwell.web.tapers.beside import add_beside

        add_beside(panels.of_plan)

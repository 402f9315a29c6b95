from __future__ import annotations

from django.apps import AppConfig


class PortalConfig(AppConfig):
    name = "stepwell.web.portal"
    label = "portal"
    verbose_name = "Portal"
    default_auto_field = "django.db.models.BigAutoField"

from __future__ import annotations

from django.apps import AppConfig


class TapersConfig(AppConfig):
    name = "stepwell.web.tapers"
    label = "tapers"
    verbose_name = "Tapers"
    default_auto_field = "django.db.models.BigAutoField"

from __future__ import annotations

from django.apps import AppConfig


class PreparationConfig(AppConfig):
    name = "stepwell.web.preparation"
    label = "preparation"
    verbose_name = "Preparation"
    default_auto_field = "django.db.models.BigAutoField"

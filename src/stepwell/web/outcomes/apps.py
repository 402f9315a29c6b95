from __future__ import annotations

from django.apps import AppConfig


class OutcomesConfig(AppConfig):
    name = "stepwell.web.outcomes"
    label = "outcomes"
    verbose_name = "Outcomes"
    default_auto_field = "django.db.models.BigAutoField"

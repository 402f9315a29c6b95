from __future__ import annotations

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "stepwell.web.reviews"
    label = "reviews"
    verbose_name = "Reviews"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import add_duty_links, add_notice, add_patient_panel
        from stepwell.web.reviews import panels

        add_patient_panel(panels.of_person, order=3)
        add_duty_links(panels.about_duty)
        add_notice(panels.notices)

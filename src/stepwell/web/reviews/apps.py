from __future__ import annotations

from django.apps import AppConfig


class ReviewsConfig(AppConfig):
    name = "stepwell.web.reviews"
    label = "reviews"
    verbose_name = "Reviews"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import add_duty_links, add_notice, add_patient_panel
        from stepwell.web.core.traces import add_traces
        from stepwell.web.reviews import panels
        from stepwell.web.reviews.models import Decided, Review

        add_patient_panel(panels.of_person, order=3)
        add_duty_links(panels.about_duty)
        add_notice(panels.notices)
        add_traces(Decided, Review)

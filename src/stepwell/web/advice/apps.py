from __future__ import annotations

from django.apps import AppConfig


class AdviceConfig(AppConfig):
    name = "stepwell.web.advice"
    label = "advice"
    verbose_name = "Advice"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.advice import panels, selectors
        from stepwell.web.advice.models import Question
        from stepwell.web.core.layout import BETWEEN, MANAGE, NavItem, add_duty_links, add_navigation, add_notice, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger.apply import add_reach
        from stepwell.web.ledger.workplaces import done_there

        add_navigation(NavItem("Duty desk", "advice:show_desk", Permission.ANSWER_ADVICE, order=14))
        add_navigation(NavItem("Advice", "advice:list_asked", Permission.ASK_ADVICE, order=15, group=BETWEEN))
        add_navigation(NavItem("Advice services", "advice:list_services", Permission.RUN_ADVICE, order=75, group=MANAGE))
        add_patient_panel(panels.of_person, order=5)
        add_duty_links(panels.about_duty)
        add_notice(panels.notices)
        add_reach(selectors.reaches)
        question = "advice:show_question"
        done_there(
            "advice", {"answer": ("Answer the question", question), "chase": ("Chase the answer", question), "read": ("Read it", question)}
        )
        add_traces(Question)

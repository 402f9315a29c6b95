from __future__ import annotations

from django.apps import AppConfig


class ServiceRequestsConfig(AppConfig):
    name = "stepwell.web.service_requests"
    label = "service_requests"
    verbose_name = "Requests for service"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from stepwell.web.core.layout import BETWEEN, NavItem, add_duty_links, add_navigation, add_patient_panel, add_way_back
        from stepwell.web.core.permissions import Permission
        from stepwell.web.core.traces import add_traces
        from stepwell.web.ledger.apply import add_reach
        from stepwell.web.ledger.workplaces import done_there
        from stepwell.web.service_requests import panels, selectors
        from stepwell.web.service_requests.models import ServiceRequest

        add_navigation(NavItem("Requests", "service_requests:list_requests", Permission.VIEW_WORKLIST, order=32, group=BETWEEN))
        add_navigation(
            NavItem("Requests by number", "service_requests:show_region", Permission.VIEW_INTERFACE_NUMBERS, order=33, group=BETWEEN)
        )
        add_patient_panel(panels.panel, order=25)
        add_duty_links(panels.duty_links)
        add_way_back(panels.ask_for_review, order=20)
        add_reach(selectors.reach)
        done_there(
            "service request",
            {
                "answer": ("Answer the request", "service_requests:triage_request"),
                "offer": ("Answer the request", "service_requests:triage_request"),
                "chase": ("Follow the request up", "service_requests:show_request"),
                "advice": ("Read the advice", "service_requests:answer_advice"),
                "see": ("Report back", "service_requests:close_request"),
            },
        )
        add_traces(ServiceRequest)

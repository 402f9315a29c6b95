from __future__ import annotations

from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "stepwell.web.privacy"
    label = "privacy"
    verbose_name = "Privacy"

    def ready(self) -> None:
        from stepwell.web.core.access import add_grants
        from stepwell.web.core.errors import add_offer
        from stepwell.web.core.layout import MANAGE, NavItem, add_navigation, add_notice, add_patient_panel
        from stepwell.web.core.permissions import Permission
        from stepwell.web.ledger.apply import add_keeper
        from stepwell.web.privacy import selectors, sensitive_views, views
        from stepwell.web.privacy.keep import keep

        add_grants(selectors.grants)
        add_offer(views.offer)
        add_notice(selectors.notices)
        add_keeper(keep)
        add_patient_panel(sensitive_views.panel, order=90)
        add_navigation(NavItem("Privacy", "privacy:list_reviews", Permission.REVIEW_ACCESS, order=70, group=MANAGE))
        add_navigation(NavItem("Audit", "privacy:show_audit", Permission.VIEW_AUDIT, order=71, group=MANAGE))
        add_navigation(NavItem("Access report", "privacy:find_report", Permission.REPORT_ACCESS, order=72, group=MANAGE))

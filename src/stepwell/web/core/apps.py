from __future__ import annotations

from django.apps import AppConfig


class CoreConfig(AppConfig):
    name = "stepwell.web.core"
    label = "core"

    def ready(self) -> None:
        from stepwell.web.core.middleware import start_sealing

        start_sealing()

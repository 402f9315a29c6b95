"""Seals every committed audit entry into the hash chain; for cron."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from stepwell.web.core import audit


class Command(BaseCommand):
    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"sealed {audit.seal():,}")

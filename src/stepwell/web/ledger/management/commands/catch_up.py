"""`manage.py catch_up`: evaluate the whole store and bring every duty up to date; `--if-behind` only when something moved."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from stepwell.web.ledger import evaluation


class Command(BaseCommand):
    help = "Evaluate the whole store and bring every duty up to date."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-behind", action="store_true", help="only when the records, the day or the knowledge pack have moved")
        parser.add_argument("--pending", action="store_true", help="only the people whose last evaluation failed and whose time has come")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["pending"]:
            self.stdout.write(f"{evaluation.retry_pending()} people evaluated again")
            return
        if options["if_behind"] and not evaluation.is_behind():
            self.stdout.write("up to date")
            return
        applied = evaluation.catch_up().applied
        told = ", ".join(f"{number:,} {kind}" for kind, number in sorted(applied.counts.items())) or "nothing changed"
        self.stdout.write(f"{applied.people:,} people: {told}")

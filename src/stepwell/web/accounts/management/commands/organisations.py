from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError, CommandParser

from stepwell.errors import Refused
from stepwell.web.accounts import services
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor


class Command(BaseCommand):
    help = "Register organisations and what they are part of, from a YAML file. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="organisations: {CODE: {name, kind, covers: [codes], parts: [codes]}}")
        parser.add_argument("--from", dest="from_on", type=date.fromisoformat, help="first day, YYYY-MM-DD; today when not given")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = yaml.safe_load(options["file"].read_text(encoding="utf-8"))
            services.seed(Actor.system("setup"), {"organisations": plan["organisations"]}, from_on=options["from_on"] or clock.today())
        except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
            raise CommandError(f"{options['file']} could not be read as organisations: {type(error).__name__}") from error
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(f"{len(plan['organisations'])} organisations are registered.")

"""`stepwell doctor`: is this installation in order? Ends with 1 when something has to be mended."""

from __future__ import annotations

import argparse
import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.web.operations.doctor import Finding


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", action="append", default=[], metavar="CHECK", help="only this check (may be given several times)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    import django

    django.setup()
    from stepwell.web.operations import doctor

    found = doctor.examine(tuple(arguments.only))
    told = doctor.as_json(found)
    print(json.dumps(told, indent=2) if arguments.json else in_words(found))
    return 0 if told["ok"] else 1


def in_words(found: list[Finding]) -> str:
    lines = []
    for each in found:
        lines.append(f"{each.level.value:5} {each.check}: {each.found}")
        if each.do:
            lines.append(f"      → {each.do}")
    wrong = sum(each.level.value == "fail" for each in found)
    lines.append(f"{wrong} to mend" if wrong else "In order.")
    return "\n".join(lines)

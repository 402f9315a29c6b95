"""`stepwell explain`: why one person has the duties they have, for a reader or as JSON."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

WIDTH = 100


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", type=Path, default=Path("var/store"), metavar="DIR", help="folder of the store (default: var/store)")
    parser.add_argument("--patient", required=True, metavar="ID", help="person id, NHS number, or ORGANISATION/LOCAL-ID")
    parser.add_argument("--as-of", required=True, metavar="DATE", help="the day to answer for, YYYY-MM-DD")
    parser.add_argument("--soon", type=int, default=28, metavar="DAYS", help="how far ahead a duty counts as due (default: 28)")
    parser.add_argument("--knowledge", type=Path, metavar="DIR", help="another knowledge pack (default: the one that ships)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    from stepwell import knowledge
    from stepwell.commands.evaluate_command import day
    from stepwell.engine.explain import explain, find_person
    from stepwell.records.store import Store

    as_of = day(arguments.as_of)
    store = Store.open(arguments.store)
    person_id = find_person(store, arguments.patient)
    told = explain(store, knowledge.load(arguments.knowledge), person_id, as_of, soon_days=arguments.soon)
    print(json.dumps(told, default=date.isoformat, indent=2, ensure_ascii=False) if arguments.json else "\n".join(in_words(told)))
    return 0


def in_words(told: dict[str, Any]) -> Iterator[str]:
    pack = told["pack"]
    yield f"Person {told['patient']} on {_day(told['as_of'])} (store {told['store_version']}, pack {pack['name']} {pack['version']})"
    registers = ", ".join(r["label"] + (" (lapsed)" if r["status"] == "lapsed" else "") for r in told["registers"])
    yield f"Registers: {registers or 'none'}"
    yield from ("", "MEDICINES")
    for medicine in told["medicines"]:
        yield from _medicine(medicine)
    if not told["medicines"]:
        yield "  none on register"
    yield from ("", "DUTIES")
    for duty in told["duties"]:
        yield from _duty(duty)
    if not told["duties"]:
        yield "  none"
    if told["visits"]:
        yield from ("", "VISITS")
    for visit in told["visits"]:
        what = ", ".join(dict.fromkeys(f"{each['what']} ({each['owner']})" for each in visit["settles"]))
        yield from _wrapped(f"by {_day(visit['by'])}: {' and '.join(visit['samples'])}: {what}")


def _medicine(medicine: dict[str, Any]) -> Iterator[str]:
    dose = f"{medicine['dose']} a day" if medicine["dose"] else "dose not known"
    dose += " when required" if medicine["as_required"] else ""
    lapsed = ", lapsed" if medicine["status"] == "lapsed" else ""
    head = f"{medicine['label']}, {dose} ({medicine['dose_provenance']}), since {_day(medicine['started'])}: {medicine['duration']}{lapsed}"
    yield from _wrapped(head)
    why = f", for {medicine['indication']} ({medicine['indication_from']})" if medicine["indication"] else ""
    end = f"; intended to end {_day(medicine['intended_end'])}" if medicine["intended_end"] else ""
    yield from _wrapped(f"licence: {medicine['licence']}{why}{end}", 4)
    owner = medicine["owner"]
    yield from _wrapped(f"owner: {_owner(owner)}: {owner['label']}", 4)


def _duty(duty: dict[str, Any]) -> Iterator[str]:
    asked = duty["kind"] == "asked"
    subject = "" if duty["subject"] in duty["what"].lower() else f" ({duty['subject']})"
    when = f"due {_day(duty['due'])}"
    if duty["state"] in ("met", "declined") and duty["served"]:
        when = f"served {_day(duty['served']['on'])} by {duty['served']['by']}"
    yield from _wrapped(f"{duty['state'].upper()}  {duty['what']}{subject}, {duty['point']}: {when}, {_owner(duty['owner'])}")
    yield from _wrapped("; ".join([*duty["why"], duty["owner"]["why"]]), 4)
    approval = ", not yet approved here" if duty["needs_approval"] else ""
    sources = "; ".join(dict.fromkeys(f"{source['id']} {source['title']}" for source in duty["source"]))
    if asked:
        yield from _wrapped(f"{duty['rule']}: asked for by somebody, not by a rule", 4)
        return
    yield from _wrapped(f"{duty['rule']}: {duty['because'] or ''} [{sources}; mark {duty['mark']}{approval}]", 4)


def _owner(owner: dict[str, Any]) -> str:
    return "NOBODY" if owner["org"] == "nobody" else owner["org"] + (f" ({owner['role']})" if owner["role"] else "")


def _wrapped(text: str, indent: int = 2) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2), break_on_hyphens=False)


def _day(on: date) -> str:
    return on.strftime("%d-%b-%Y")

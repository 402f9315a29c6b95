"""`stepwell import`: bring FHIR R4, GP Connect Structured records or a GP extract in CSV into the store."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stepwell.records.importers.report import ImportReport


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, help="a .json, .ndjson or .csv file (each may be .gz), or a folder of them")
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument("--practice", metavar="ODS", help="take only records this organisation holds; refuse the others")
    whose.add_argument("--source", default="auto", help="`auto` (the default): each record says who holds it; or an organisation code")
    parser.add_argument(
        "--format", choices=("auto", "fhir", "gpconnect", "emis", "tpp"), default="auto", help="dialect (default: told from the records)"
    )
    parser.add_argument(
        "--scope",
        choices=("auto", "full", "patients", "delta"),
        default="auto",
        help="full: the whole record of the organisations in it, what is absent is gone; patients: the same for the people in it; "
        "delta: only what is named, with deletions (default: told from the input)",
    )
    parser.add_argument("--store", type=Path, default=Path("var/store"), help="folder of the store (default: var/store)")
    parser.add_argument("--json", action="store_true", help="print the whole report as JSON")


def run(arguments: argparse.Namespace) -> int:
    from stepwell.records.importers import run_import
    from stepwell.records.importers.report import Unusable
    from stepwell.records.importers.run import buckets_for, size
    from stepwell.records.store import Store

    existed = arguments.store.exists()
    try:
        store = Store.open(arguments.store, create=True, buckets=buckets_for(size(arguments.path, arguments.format)))
        report = run_import(
            arguments.path,
            store,
            practice=arguments.practice,
            source=arguments.source,
            format=arguments.format,
            scope=arguments.scope,
        )
    except Unusable as error:
        if not existed and arguments.store.exists():
            _remove_empty(arguments.store)
        if arguments.json:
            print(json.dumps({"error": str(error), **(error.report.to_json() if error.report else {})}, indent=2))
        print(f"stepwell import: {error}", file=sys.stderr)
        return 2
    print(json.dumps(report.to_json(), indent=2) if arguments.json else in_words(report))
    return 0


def _remove_empty(path: Path) -> None:
    """A store made for an import that brought nothing leaves no trace."""
    from stepwell.records.store import Store, clear_folder

    if Store.open(path).version == 0:
        clear_folder(path)
        path.rmdir()


def in_words(report: ImportReport) -> str:
    """The report for a person at a terminal."""
    data = report.to_json()
    lines = [
        f"read {report.read}: {report.new} new, {report.unchanged} unchanged, {report.superseded} superseded, "
        f"{report.not_used.total()} not used, {report.rejected} rejected ({report.format}, scope {report.scope})"
    ]
    for source, counts in data["by_source"].items():  # type: ignore[attr-defined]
        lines.append(f"  {source}: {counts.get('accepted', 0)} accepted")
    if report.removed:
        lines.append(f"  {report.removed} no longer at the source and removed")
    if report.not_used:
        lines.append("not used: " + ", ".join(f"{name} {count}" for name, count in sorted(report.not_used.items())))
    for title, key, word in (("rejected", "rejected", "reason"), ("flagged", "flags", "flag")):
        for group in data[key]:  # type: ignore[attr-defined]
            first = group["examples"][0]
            where = (
                f" (first: {first['file']} line {first['line']}{', ' + first['path'] if 'path' in first else ''})" if first["file"] else ""
            )
            # A decoding error is its own reason: not said twice.
            said = group["message"].removeprefix(group[word].partition(": ")[2] + ". ")
            lines.append(f"{title}: {group['count']} × {group[word]}. {said}{where}")
    lines.append(f"store version {report.store_version}")
    return "\n".join(lines)

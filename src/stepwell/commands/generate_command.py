"""`stepwell generate`: synthetic people as records in an import format, or straight into a store."""

from __future__ import annotations

import argparse
import sys
from datetime import date
from pathlib import Path
from typing import Any

from stepwell.errors import Refused


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patients", type=int, default=2000, metavar="N", help="people registered at the practices, together (default 2000)"
    )
    parser.add_argument("--practices", type=int, metavar="K", help="how many practices (default: two, or as many as so many people need)")
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="the same seed gives the same records (default 7)")
    parser.add_argument("--as-of", required=True, metavar="DATE", help="last day of the records, YYYY-MM-DD")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="folder to write, new or made by this command before")
    parser.add_argument(
        "--format",
        default="fhir",
        choices=("fhir", "gpconnect", "emis", "tpp", "mixed", "store"),
        help="of the practices: fhir (default), gpconnect, emis, tpp, mixed (EMIS and TPP in turn); the trust sends FHIR. "
        "store: no files to import but a store, for benches",
    )
    parser.add_argument(
        "--truth",
        action="store_true",
        help="also write what is really so of everybody (courses, owners, what is due, what was taken): into a folder beside --out, "
        "of the same name with -truth, as Parquet and CSV",
    )
    parser.add_argument("--json", action="store_true", help="print the manifest: counts, achieved against target")


def day(text: str, option: str = "--as-of") -> date:
    """A date from the command line; Refused when it is none."""
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{option} {text}: write the date as YYYY-MM-DD, for example 2026-06-01") from error


def run(arguments: argparse.Namespace) -> int:
    import msgspec

    from stepwell.records.synthetic.network import generate

    as_of = day(arguments.as_of)
    manifest = generate(arguments.patients, arguments.seed, as_of, arguments.out, format=arguments.format, practices=arguments.practices)
    beside = arguments.out.with_name(arguments.out.name + "-truth")
    if arguments.truth:
        from stepwell import knowledge
        from stepwell.records.synthetic.truth import write_network

        write_network(arguments.patients, arguments.seed, as_of, beside, knowledge.load(), practices=arguments.practices)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(manifest), indent=2).decode() + "\n")
        return 0
    for organisation, counts in manifest["counts"].items():
        print(f"{organisation}: " + ", ".join(f"{number:,} {kind}" for kind, number in counts.items()))
    _compare(manifest)
    if arguments.format == "store":
        print(f"a store in {arguments.out}; use it with: stepwell evaluate --store {arguments.out}")
    else:
        print(f"written to {arguments.out}; bring it in with: stepwell import {arguments.out} --source auto")
    if arguments.truth:
        print(f"the truth about these people is in {beside}; keep it away from what is imported")
    return 0


def _compare(manifest: dict[str, Any]) -> None:
    """Achieved against the published figure, one line each."""
    if manifest["enriched"] > 1:
        print(f"so small a network is given {manifest['enriched']:.1f} times as many specialist medicines as are real")
    print("achieved against published figures:")
    for row in manifest["targets"]:
        achieved = "nobody to measure" if row["achieved"] is None else f"{row['achieved']:g}"
        print(f"  {row['what']}: {achieved} (published {row['target']:g}, {row['source']})")

"""`stepwell audit verify`: walk the hash chain of the audit trail and name the first link that does not hold."""

from __future__ import annotations

import argparse
import json
import os
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    verify = actions.add_parser("verify", help="check every seal; ends with 1 when one does not hold")
    verify.add_argument("--json", action="store_true", help="machine-readable")
    verify.add_argument("--expect-head", metavar="HASH", default="", help="a head noted earlier: the chain must still pass through it")
    actions.add_parser("seal", help="seal what has committed since the last seal")


def run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    import django

    django.setup()
    from stepwell.web.core import audit

    if arguments.action == "seal":
        print(f"sealed {audit.seal():,}")
        return 0
    result = audit.verify(arguments.expect_head.strip().lower())
    if arguments.json:
        json.dump(result.as_json(), sys.stdout, indent=2)
        print()
    else:
        print(describe(result))
    return 0 if result.ok else 1


def describe(result) -> str:
    lines = [f"{result.entries:,} entries, {result.sealed:,} sealed and whole, {result.unsealed:,} not yet sealed"]
    if result.first_unsealed is not None:
        lines.append(f"first unsealed entry: {result.first_unsealed} (seal them with `stepwell audit seal`)")
    if result.broken:
        entry = f", entry {result.broken.entry_id}" if result.broken.entry_id is not None else ""
        lines.append(f"BROKEN at seal {result.broken.position}{entry}: {result.broken.why}")
        lines.append("Keep a copy of the database as it is and tell the privacy officer.")
    else:
        lines.append(f"head: {result.head} (note it elsewhere: `--expect-head` proves later that nothing was cut off)")
    return "\n".join(lines)

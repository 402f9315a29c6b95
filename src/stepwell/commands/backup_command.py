"""`stepwell backup --to FOLDER`: the database and the record store of one moment, with checksums; whole or not there."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, required=True, metavar="FOLDER", help="the backup becomes a new folder in it")
    parser.add_argument("--keep", type=int, metavar="N", help="afterwards remove all but the newest N backups there (default: keep all)")
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    import django

    django.setup()
    from stepwell.web.operations import backup

    place, told = backup.make(arguments.to, keep=arguments.keep)
    rows = sum(told.tables.values())
    if arguments.json:
        shown = {"backup": str(place), "bytes": told.bytes, "files": len(told.files), "rows": rows, "audit_head": told.audit_head}
        print(json.dumps(shown, indent=2))
        return 0
    store = f"store version {told.store_version}" if told.store_version is not None else "no records yet"
    print(f"{place}: {told.bytes / 1e6:,.1f} MB in {len(told.files):,} files; {rows:,} rows of {told.vendor}, {store}")
    if told.audit_head:
        print(f"audit head: {told.audit_head} ({told.audit_sealed:,} sealed; note it elsewhere)")
    return 0

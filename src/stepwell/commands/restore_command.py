"""`stepwell restore --from BACKUP --into FOLDER`: put a backup back beside what is there, and check it before it is used."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="source", type=Path, required=True, metavar="BACKUP", help="the folder that `stepwell backup` made")
    parser.add_argument("--into", type=Path, required=True, metavar="FOLDER", help="a new folder: the STEPWELL_VAR of what is restored")


def run(arguments: argparse.Namespace) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    import django

    django.setup()
    from stepwell.web.operations.restore import restore

    done = restore(arguments.source, arguments.into)
    print(done.said)
    print(f"restored the backup of {done.told.made_at} into {arguments.into}. To use it, set:")
    for name, value in done.environment.items():
        print(f"  {name}={value}")
    print("then run: stepwell manage catch_up")
    return 0 if done.ok else 1

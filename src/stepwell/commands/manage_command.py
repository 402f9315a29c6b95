"""`stepwell manage COMMAND ...`: Django's management commands, with the product's settings."""

from __future__ import annotations

import argparse
import os


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the management command and its own arguments; try `help`")


def run(arguments: argparse.Namespace) -> int:
    from django.core.management import execute_from_command_line

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stepwell.web.config.settings")
    execute_from_command_line(["stepwell manage", *arguments.arguments])
    return 0

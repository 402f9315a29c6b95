"""`stepwell`: the same things as the web, from a terminal. Each command is a module of `stepwell.commands`."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from stepwell.errors import Refused

COMMANDS = {
    "demo": "run the product on a small synthetic network, on this machine",
    "generate": "write synthetic people in an import format, with the mess of real life",
    "import": "bring records into the store",
    "evaluate": "compute every duty from the store",
    "courses": "count treatment episodes in a file of issues",
    "explain": "tell why one person has the duties they have",
    "taper": "plan a reduction in products that exist, or say what to do instead",
    "knowledge": "check the knowledge base",
    "audit": "verify the audit trail",
    "doctor": "say whether this installation is in order, and what to do",
    "backup": "write the database and the record store of one moment, with checksums",
    "restore": "put a backup back beside what is there, and check it",
    "manage": "run a Django management command",
    "bench": "measure speed",
}


def build_parser(command: str | None = None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="stepwell", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparser = subparsers.add_parser(name, help=summary, description=summary)
        if name == command:
            _module(name).configure(subparser)
    return parser


def _module(command: str):
    return importlib.import_module(f"stepwell.commands.{command}_command")


def main(argv: Sequence[str] | None = None) -> int:
    argv = list(sys.argv[1:] if argv is None else argv)
    command = next((word for word in argv if word in COMMANDS), None)
    arguments = build_parser(command).parse_args(argv)
    try:
        return _module(arguments.command).run(arguments)
    except Refused as refusal:
        print(f"stepwell {arguments.command}: {refusal}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 1


if __name__ == "__main__":
    raise SystemExit(main())

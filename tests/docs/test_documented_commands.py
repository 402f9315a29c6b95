"""The commands that the pages name do what the pages say: they are taken from the text and run, in order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FEWER = {"--patients 2000": "--patients 60", "FOLDER": "var/people", "bench engine": "bench patient --patients 300 --people 5"}
ISSUES = "patient,medicine,date,days,dose\n1,sertraline,2026-01-01,28,50\n1,sertraline,2026-01-29,28,50\n"


def commands_of(page: str) -> list[str]:
    """Commands in tables (`stepwell ...`) and in code blocks, with fewer people and the folder that the first page made."""
    found = re.findall(r"^(?:\| `)?(stepwell [a-z]+[^`\n]*)", (ROOT / page).read_text(encoding="utf-8"), re.M)
    for written, run in FEWER.items():
        found = [command.replace(written, run) for command in found]
    return found


@pytest.mark.slow
def test_the_commands_of_readme_and_running_guide(tmp_path: Path) -> None:
    readme, running = commands_of("README.md"), commands_of("docs/guide/running.md")
    assert len(readme) == 9
    (tmp_path / "issues.csv").write_text(ISSUES, encoding="utf-8")
    assert [shlex.split(command)[1] for command in running] == ["import", "manage", "manage"]
    # The audit trail lives in the database that `running.md` makes.
    order = [command for command in readme if "audit" not in command] + running + [command for command in readme if "audit" in command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_"))}
    for command in order:
        done = subprocess.run(
            [sys.executable, "-m", "stepwell.cli", *shlex.split(command)[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stderr}"
    assert (tmp_path / "var" / "run" / "needs.parquet").is_file()

"""The reductions that the guide writes down are planned as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from stepwell.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "reducing.md"


def test_every_reduction_of_the_guide_is_planned(capsys: pytest.CaptureFixture[str]) -> None:
    commands = re.findall(r"^stepwell (taper .*)$", PAGE.read_text(encoding="utf-8"), re.M)
    assert len(commands) == 3
    for command in commands:
        assert main(shlex.split(command)) == 0, command
        out, err = capsys.readouterr()
        assert out and not err

"""A process of its own for what is measured: started cold, its peak memory its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from stepwell.errors import Refused


@dataclass(frozen=True, slots=True)
class Ran:
    """Seconds of wall clock from start to exit, seconds of processor, peak resident memory in MB, and what it printed as JSON."""

    seconds: float
    cpu_seconds: float
    peak_mb: int
    told: dict[str, Any]


def task(name: str, **given: Any) -> Ran:
    """Run `stepwell.bench.tasks.<name>` with these arguments (JSON values)."""
    return process([sys.executable, "-m", "stepwell.bench.tasks", name, json.dumps(given)])


def command(*words: str) -> Ran:
    """Run a stepwell command that prints JSON."""
    return process([sys.executable, "-m", "stepwell.cli", *words])


def process(words: Sequence[str], environment: Mapping[str, str] | None = None) -> Ran:
    """Refused with its own last words when it fails. This process must be small: a child's peak begins with its parent's size."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begun = perf_counter()
        child = subprocess.Popen(words, stdout=out, stderr=err, env=dict(environment or os.environ))  # noqa: S603
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            lines = err.read().decode(errors="replace").strip().splitlines()
            # The line that names the error, not the caret that some errors end with.
            said = next((line for line in reversed(lines) if line[:1].strip() and ":" in line), f"exit {child.returncode}")
            raise Refused(f"{' '.join(words[2:4])} failed: {said}")
        text = out.read().decode()
    # ru_maxrss is kilobytes on Linux and bytes on macOS.
    peak = usage.ru_maxrss / (1024 * 1024 if sys.platform == "darwin" else 1024)
    return Ran(seconds, usage.ru_utime + usage.ru_stime, round(peak), json.loads(text) if text.strip() else {})

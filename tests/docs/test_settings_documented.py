"""Every setting that is read stands in the production guide, and every one in the guide is read."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = re.compile(r"STEPWELL_[A-Z0-9]+(?:_[A-Z0-9]+)*")

# Loads the settings with an environment that writes down what it is asked for; providers are switched on, so that theirs are asked too.
RECORDER = """
import json, os
class Recorder(dict):
    asked = set()
    def get(self, name, default=None):
        self.asked.add(name)
        return super().get(name, default)
    def __getitem__(self, name):
        self.asked.add(name)
        return super().__getitem__(name)
    def __contains__(self, name):
        self.asked.add(name)
        return super().__contains__(name)
os.environ = Recorder(os.environ)
os.environ.update({
    "STEPWELL_OIDC_ISSUER": "https://id.example", "STEPWELL_OIDC_CLIENT_ID": "us", "STEPWELL_OIDC_CLIENT_SECRET": "x",
    "STEPWELL_CIS2_ISSUER": "https://id.example", "STEPWELL_CIS2_CLIENT_ID": "us", "STEPWELL_CIS2_KEY_FILE": "key.pem",
})
import stepwell.web.config.settings, stepwell.web.config.serving
print(json.dumps(sorted(name for name in Recorder.asked if name.startswith("STEPWELL_"))))
"""


def documented() -> set[str]:
    guide = (ROOT / "docs/guide/production.md").read_text(encoding="utf-8")
    return {name for row in re.findall(r"^\| (`STEPWELL_.*?) \|", guide, re.M) for name in NAME.findall(row)}


def read_by_the_settings(tmp_path: Path) -> set[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-c", RECORDER], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def named_in_code() -> set[str]:
    """Names written out anywhere in the product's code, docstrings aside."""
    found: set[str] = set()
    for path in (ROOT / "src/stepwell").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and NAME.fullmatch(node.value):
                found.add(node.value)
    return found


def test_every_setting_that_is_read_is_in_the_guide(tmp_path):
    asked = read_by_the_settings(tmp_path)
    assert {"STEPWELL_VAR", "STEPWELL_DATABASE_URL", "STEPWELL_BIND"} <= asked
    assert asked - documented() == set(), "read, but not in the table of docs/guide/production.md"
    # A beginning that others are built from ("STEPWELL_OIDC") is no setting itself.
    whole = {name for name in named_in_code() if not any(other.startswith(f"{name}_") for other in documented())}
    assert whole - documented() == set(), "named in the code, but not in the table of docs/guide/production.md"


def test_every_setting_in_the_guide_is_read(tmp_path):
    assert documented() - read_by_the_settings(tmp_path) == set(), "in the guide, but nothing reads it"

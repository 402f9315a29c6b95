"""Line 1: the demo builds from nothing, a persona signs in over HTTP and sees the worklist; `generate` is repeatable.

Runs the commands as a user does, each in a process of its own, with a small network. How long `make demo` takes on a fresh
clone is shown in the note, not asserted here.
"""

from __future__ import annotations

import filecmp
import http.cookiejar
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

# Made once: its tests stay on one worker.
pytestmark = pytest.mark.xdist_group("demo")

PATIENTS = "160"
AS_OF = "2026-06-01"
SERVER_SECONDS = 40


def stepwell(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stepwell.cli", *arguments], cwd=folder, env=clean_environment(), capture_output=True, text=True, check=False
    )


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("STEPWELL_", "DJANGO_"))}


def demo_arguments(folder: Path, *more: str) -> list[str]:
    return ["demo", "--patients", PATIENTS, "--seed", "7", "--as-of", AS_OF, "--dir", str(folder / "demo"), *more]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    done = stepwell(*demo_arguments(folder, "--no-serve"), folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "computed every duty" in done.stdout
    return folder


@pytest.fixture(scope="module")
def address(built: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "stepwell.cli", *demo_arguments(built, "--port", str(port))]
    server = subprocess.Popen(command, cwd=built, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(url, server)
        yield url
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(timeout=20)


def wait_for(url: str, server: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise AssertionError(f"the server ended: {server.stdout.read() if server.stdout else ''}")
        try:
            urllib.request.urlopen(f"{url}/sign-in", timeout=5)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError(f"no answer from {url} within {SERVER_SECONDS} s")


class Visitor:
    """A browser as far as HTTP goes: cookies, forms, redirects."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str) -> str:
        with self._opener.open(self.url + path, timeout=30) as response:
            assert response.status == 200
            return response.read().decode()

    def post(self, path: str, **fields: str) -> str:
        request = urllib.request.Request(self.url + path, data=urllib.parse.urlencode(fields).encode(), headers={"Referer": self.url})
        with self._opener.open(request, timeout=30) as response:
            assert response.status == 200
            return response.read().decode()

    def sign_in_as(self, name: str) -> str:
        """Press the button of this persona; gives the page that follows."""
        page = self.get("/sign-in")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        buttons = re.findall(r'<button[^>]*name="membership"[^>]*value="(\d+)"[^>]*>(.*?)</button>', page, re.DOTALL)
        value = next(value for value, words in buttons if name in words)
        assert token is not None
        return self.post("/sign-in/persona", csrfmiddlewaretoken=token.group(1), membership=value)


def test_a_persona_signs_in_and_sees_the_worklist(address: str) -> None:
    visitor = Visitor(address)
    page = visitor.sign_in_as("Amara Osei")
    assert "Riverside Surgery" in page
    assert "Amara Osei" in page
    assert "overdue" in page.lower()
    assert re.search(r"999 \d{3} \d{4}", page), "people of the worklist with their NHS numbers"


def test_every_persona_can_sign_in(address: str) -> None:
    page = Visitor(address).get("/sign-in")
    for name in ("Amara Osei", "Priya Nair", "Lena Hart", "Siân Rees"):
        assert name in page
        assert name in Visitor(address).sign_in_as(name)


def test_the_ledger_looks_lived_in(built: Path) -> None:
    """Read from the database as it was left: agreements, an approval by one practice only, acts on duties, the person of the story."""
    database = sqlite3.connect(f"file:{built / 'demo' / 'stepwell.sqlite3'}?mode=ro", uri=True)
    try:
        approved = {org for (org,) in database.execute("select org_code from ledger_packapproval")}
        agreements = list(database.execute("select substance, from_on, to_on from agreements_agreement"))
        kinds = {kind for (kind,) in database.execute("select kind from ledger_dutyevent")}
        story = database.execute("select medicines from ledger_personrecord where family_name = 'Fairweather' and given_name = 'Iris'")
        owners = {row["substance"]: row["owner_org"] for row in json.loads(story.fetchone()[0])}
        plans = {state for (state,) in database.execute("select state from tapers_taperplan")}
        reviews = {state for (state,) in database.execute("select state from reviews_review")}
        answers = database.execute("select count(*) from preparation_answersheet").fetchone()[0]
        waiting = database.execute("select count(*) from ledger_pendingevaluation").fetchone()[0]
    finally:
        database.close()
    assert approved == {"Z99001"}
    assert any(from_on <= AS_OF and to_on is None for _, from_on, to_on in agreements)
    assert {"opened", "acknowledged", "assigned", "deferred", "declined", "result recorded"} <= kinds
    assert owners == {"lithium": "RZ9", "olanzapine": "Z99001", "quetiapine": "nobody"}
    assert "reducing" in plans and len(plans) > 2 and reviews == {"closed", "draft"} and answers
    assert waiting == 0


def test_a_second_start_finds_the_demo(built: Path) -> None:
    again = stepwell(*demo_arguments(built, "--no-serve"), folder=built)
    assert again.returncode == 0, again.stderr
    assert "found the demo" in again.stdout
    assert "synthetic people" not in again.stdout


def test_generate_gives_the_same_files_for_the_same_seed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        done = stepwell("generate", "--patients", "120", "--seed", "11", "--as-of", AS_OF, "--out", name, "--json", folder=tmp_path)
        assert done.returncode == 0, done.stderr
    names = sorted(str(path.relative_to(tmp_path / "one")) for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(names) > 15
    assert filecmp.cmpfiles(tmp_path / "one", tmp_path / "two", names, shallow=False)[1:] == ([], [])

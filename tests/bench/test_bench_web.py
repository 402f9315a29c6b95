"""`stepwell bench web`: what is filled is a whole ledger, the people in it work without an error, and no other machine is touched.
No time is judged here."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from stepwell.bench import web, web_database
from stepwell.bench.web_users import MIX, Timed, Visitor, forms_of
from stepwell.cli import main
from stepwell.errors import Refused

PAGE = """
<form method="get" action="/library"><input name="q" value="lithium"></form>
<form method="post" action="/duties/7/acknowledge"><input type="hidden" name="csrf" value="abc"><button type="submit">Seen</button></form>
<form method="post"><input name="day-day" value="1"><textarea name="why">x</textarea>
<input type="radio" name="choice" value="later" checked><input type="radio" name="choice" value="declined">
<select name="to"><option value="">Choose</option><option value="4" selected>Priya</option></select></form>
"""


@pytest.fixture
def data() -> Iterator[Path]:
    """Not below pytest's own folder: the server may run as another user, who has to reach it."""
    folder = Path(tempfile.mkdtemp(prefix="stepwell-bench-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_a_ledger_is_filled_served_worked_with_and_taken_again(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["bench", "web", "--patients", "60", "--duties", "1000", "--users", "4", "--seconds", "3", "--think", "0.2"]
    words += ["--data", str(data), "--json"]
    assert main(words) == 0
    first: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert first["errors"] == 0, first["wrong"]
    assert first["duties"] >= 1000 and first["people"] > 60 and first["open_duties"] > 0
    # Every duty has the event that opened it, copies too.
    assert first["events"] >= first["duties"]
    assert {"worklist", "patient", "search"} <= first["by_page"].keys()
    assert first["pages"]["n"] > 10 and 0 < first["pages"]["p50_ms"] <= first["pages"]["p95_ms"] <= first["pages"]["p99_ms"]
    assert first["machine"]["cores"] <= 2 and first["database"]["jit"] == "off"
    # The second run finds the ledger of the first.
    assert main([*words, "--seconds", "1"]) == 0
    again: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert again["fill_seconds"] == first["fill_seconds"] and again["duties"] == first["duties"]


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user@db.example:5432/postgres",
        "postgresql://user@10.0.0.1/postgres",
        "postgresql:///postgres",
        "postgresql://127.0.0.1/postgres?host=db.example",
        "postgresql://127.0.0.1/postgres?hostaddr=10.0.0.1",
        "postgresql://127.0.0.1/postgres?service=live",
        "sqlite:///x",
    ],
)
def test_only_this_machine_is_filled(url: str) -> None:
    with pytest.raises(Refused, match="--database"):
        web_database.local_only(url)


@pytest.mark.parametrize(
    "url", ["postgresql://u:p@127.0.0.1:5433/postgres", "postgresql://u@localhost/x", "postgresql://u@/x?host=/run/postgresql"]
)
def test_a_server_of_this_machine_is_taken(url: str) -> None:
    assert web_database.local_only(url) == url
    assert web_database.on_server(url, "other").startswith("postgresql://u")


def test_nothing_of_the_callers_settings_reaches_the_server_of_a_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STEPWELL_DEMO", "PGHOST", "DJANGO_SETTINGS_MODULE", "STEPWELL_STORE"):
        monkeypatch.setenv(name, "live")
    found = web_database.environment("postgresql://127.0.0.1/x", tmp_path, "2026-06-01")
    assert "live" not in found.values()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--duties", "0"), "more than 0"),
        (("--seconds", "0"), "more than 0"),
        (("--store", "x"), "makes its own people"),
        (("--database", "postgresql://elsewhere/x"), "may be another machine"),
    ],
)
def test_a_refusal_says_what_to_do(words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "web", *words, "--data", str(tmp_path)]) == 2
    out, err = capsys.readouterr()
    assert said in err and out == ""


def test_forms_are_sent_as_a_browser_would() -> None:
    search, seen, put_off = forms_of(PAGE)
    assert (search.method, search.fields) == ("get", {"q": "lithium"})
    assert (seen.action, seen.fields) == ("/duties/7/acknowledge", {"csrf": "abc"})
    assert put_off.fields == {"day-day": "1", "why": "", "choice": "later", "to": "4"}


def test_waiting_times_are_ranks_of_what_was_measured() -> None:
    assert web.waiting([]) == {"n": 0}
    hundred = [number / 1000 for number in range(100, 0, -1)]
    assert web.waiting(hundred) == {"n": 100, "p50_ms": 50, "p95_ms": 95, "p99_ms": 99, "max_ms": 100}
    assert web.waiting([0.25]) == {"n": 1, "p50_ms": 250, "p95_ms": 250, "p99_ms": 250, "max_ms": 250}


def test_an_error_is_counted_and_named_without_its_address() -> None:
    timed = [Timed("patient", 0, 0.1), Timed("patient", 1, 0.3, "status 500"), Timed("form", 1, 9.0)]
    found = web.summary(timed)
    assert found["errors"] == 1 and found["wrong"] == {"patient: status 500": 1}
    # A form on the way to an action is told, but not among the four kinds of page.
    assert found["pages"]["n"] == 2 and found["by_page"]["form"]["n"] == 1 and found["all"]["n"] == 3


def test_the_report_in_words_has_a_line_for_each_kind() -> None:
    timed = [Timed("patient", 0, 0.1), Timed("search", 1, 0.25, "status 500")]
    facts = {"duties": 3000, "open_duties": 2900, "people": 1500, "networks": 1, "users": 2, "think_seconds": 3, "measured_seconds": 60.0}
    text = web.in_words({**facts, **web.summary(timed), "machine": {"cores": 2, "load_before": 0.1}})
    assert "3,000 duties (2,900 open) of 1,500 people" in text and "1 × search: status 500" in text
    assert [line.split()[0] for line in text.splitlines()[-3:]] == ["the", "patient", "search"] and "250" in text.splitlines()[-1]


def test_a_server_that_is_not_there_is_an_error_and_not_a_crash() -> None:
    told = {"cookie_name": "s", "cookie": "x", "people": [1], "names": [("Reed", "Ada", "")], "may_record": False, "in_store": []}
    visitor = Visitor(1, told, 0, date(2026, 6, 1), lambda: 0.0)
    visitor._worklist()
    assert visitor.timed[0].wrong == "ConnectionRefusedError"


def test_half_worklists_a_third_patients_the_rest_search_and_actions() -> None:
    weights = dict(MIX)
    whole = sum(weights.values())
    assert weights["worklist"] * 2 == whole and weights["patient"] * 3 == whole and weights["search"] + weights["action"] == whole / 6

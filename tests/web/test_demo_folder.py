"""The demo's folder: found again when it is the one asked for, and nothing of anybody else's is removed."""

from __future__ import annotations

import json
import socket
from datetime import date
from pathlib import Path

import pytest

from stepwell.cli import main
from stepwell.errors import Refused
from stepwell.records.synthetic.catalogue import catalogue
from stepwell.records.synthetic.network import GENERATOR
from stepwell.web.accounts.services import demo_plan
from stepwell.web.demo.build import STATE, Wanted, found, prepare

AS_OF = date(2026, 6, 1)


def finished(folder: Path, **changes: object) -> None:
    folder.mkdir(exist_ok=True)
    state = {"patients": 200, "seed": 7, "as_of": AS_OF.isoformat(), "generator": GENERATOR, **changes}
    (folder / STATE).write_text(json.dumps(state))


def test_a_finished_demo_is_found_whatever_day_it_is_today(tmp_path: Path) -> None:
    finished(tmp_path)
    state = found(Wanted(tmp_path, 200, 7, None))
    assert state is not None
    assert state.as_of == AS_OF
    assert found(Wanted(tmp_path, 200, 7, AS_OF)) == state


@pytest.mark.parametrize(
    "wanted",
    [
        {"patients": 300},
        {"seed": 8},
        {"as_of": date(2026, 6, 2)},
        {"fresh": True},
    ],
)
def test_another_demo_is_built_anew(wanted: dict, tmp_path: Path) -> None:
    finished(tmp_path)
    assert found(Wanted(**{"folder": tmp_path, "patients": 200, "seed": 7, "as_of": None, **wanted})) is None


def test_an_older_generator_or_an_unfinished_build_is_not_taken_for_a_demo(tmp_path: Path) -> None:
    assert found(Wanted(tmp_path, 200, 7, None)) is None
    finished(tmp_path, generator=GENERATOR - 1)
    assert found(Wanted(tmp_path, 200, 7, None)) is None
    (tmp_path / STATE).write_text('{"patients": 2')
    assert found(Wanted(tmp_path, 200, 7, None)) is None


def test_preparing_removes_what_the_demo_made_and_nothing_else(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "manifest.json").write_text("{}")
    (tmp_path / "stepwell.sqlite3").write_text("")
    (tmp_path / "secret-key").write_text("kept: sessions survive")
    prepare(Wanted(tmp_path, 200, 7, None))
    assert [path.name for path in tmp_path.iterdir()] == ["secret-key"]


def test_a_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    finished(tmp_path)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(Refused, match=r"thesis\.txt.*--dir"):
        prepare(Wanted(tmp_path, 200, 7, None, fresh=True))
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert (tmp_path / STATE).exists()


def test_a_network_that_cannot_be_made_is_refused_before_the_old_one_goes(tmp_path: Path) -> None:
    finished(tmp_path)
    with pytest.raises(Refused, match="ask for 20 to"):
        prepare(Wanted(tmp_path, 2, 7, None))
    assert (tmp_path / STATE).exists()


def test_a_taken_port_is_told_before_anything_is_built(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["demo", "--dir", str(tmp_path / "demo"), "--port", str(port)]) == 2
    assert "choose another with --port" in capsys.readouterr().err
    assert not (tmp_path / "demo").exists()


def test_staff_work_where_the_people_are() -> None:
    network = catalogue().network
    organisations = demo_plan()["organisations"]
    practices = [*network.practices, *network.more]
    codes = [(practice.code, practice.name) for practice in practices]
    codes += [(network.trust.code, network.trust.name), (network.pcn.code, network.pcn.name)]
    assert set(codes) <= {(code, row["name"]) for code, row in organisations.items()}
    assert organisations[network.pcn.code]["covers"] == [practice.code for practice in practices]

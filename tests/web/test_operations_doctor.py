"""`stepwell doctor`: every fault it is there for is made, found, and told with what to do."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection

from ledger_world import IRIS, PRACTICE, World
from stepwell.cli import main
from stepwell.errors import Refused
from stepwell.web.core import append_only, audit, clock
from stepwell.web.core.actor import Actor
from stepwell.web.core.models import AuditEntry, AuditSeal
from stepwell.web.ledger.models import Evaluation, PendingEvaluation
from stepwell.web.operations import doctor
from stepwell.web.operations.doctor import Level
from stepwell.web.operations.models import ImportRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(settings, tmp_path):
    world = World(settings, tmp_path)
    world.tell({"Iris": IRIS})
    world.catch_up()
    return world


def found(name: str) -> dict[str, Level]:
    """What one check says, and how bad it is."""
    return {each.found: each.level for each in doctor.examine((name,))}


def worst(name: str) -> Level:
    order = list(Level)
    return max((each.level for each in doctor.examine((name,))), key=order.index)


def test_a_sound_installation_has_nothing_to_mend(world, settings):
    settings.SECRET_KEY = "k" * 50
    settings.ALLOWED_HOSTS = settings.LOOPBACK_HOSTS
    audit.seal()
    findings = doctor.examine()
    assert [each for each in findings if each.level is Level.FAIL and each.check != "frontend"] == []
    assert {each.check for each in findings} == set(doctor.CHECKS)


def test_every_fault_says_what_to_do(world, settings):
    settings.SECRET_KEY = "short"
    settings.ALLOWED_HOSTS = ["*"]
    settings.HTTPS = False
    assert all(each.do for each in doctor.examine() if each.level in (Level.WARN, Level.FAIL))


def test_the_answer_names_nobody(world, settings):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_personrecord SET family_name = 'Unmistakable'")
    settings.STORE = "elsewhere"
    told = json.dumps(doctor.as_json(doctor.examine()))
    assert "Unmistakable" not in told and "Iris" not in told and "9990000018" not in told


@pytest.mark.parametrize(
    ("changed", "level", "words"),
    [
        ({"DEMO": True}, Level.NOTE, "a demo"),
        ({"ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"]}, Level.NOTE, "this machine only"),
        ({"ALLOWED_HOSTS": ["*"], "HTTPS": True, "PROXY": True}, Level.FAIL, "any host name"),
        ({"ALLOWED_HOSTS": ["a.example"], "HTTPS": False}, Level.FAIL, "without HTTPS"),
        ({"ALLOWED_HOSTS": ["a.example"], "HTTPS": True, "PROXY": False}, Level.WARN, "no proxy"),
        ({"ALLOWED_HOSTS": ["a.example"], "HTTPS": True, "PROXY": True}, Level.OK, "over HTTPS"),
    ],
)
def test_what_is_served(settings, changed, level, words):
    settings.AS_OF = None
    for name, value in changed.items():
        setattr(settings, name, value)
    findings = doctor.examine(("serving",))
    assert any(words in each.found and each.level is level for each in findings)


def test_a_fixed_day_is_for_demos(settings):
    settings.AS_OF = clock.today()
    assert found("serving")["the day is fixed: duties do not fall due any more"] is Level.FAIL


def test_a_secret_key_that_others_can_read(settings, tmp_path):
    settings.SECRET_KEY = "k" * 50
    settings.VAR = tmp_path
    key = tmp_path / "secret-key"
    key.write_text("k" * 50)
    key.chmod(0o644)
    assert worst("secret key") is Level.FAIL
    key.chmod(0o600)
    assert worst("secret key") is Level.OK


def test_a_removed_trigger(world):
    assert worst("append only") is Level.OK
    append_only.remove(connection, "ledger_dutyevent")
    assert found("append only") == {"ledger_dutyevent can be changed": Level.FAIL}


def test_an_altered_entry_among_the_newest(world):
    audit.seal()
    assert worst("audit trail") is Level.OK
    append_only.remove(connection, "core_auditentry")
    last = AuditSeal.objects.order_by("-position").first()
    AuditEntry.objects.filter(pk=last.entry_id).update(reason="something else")
    assert found("audit trail") == {f"the chain does not hold at seal {last.position}": Level.FAIL}


def test_entries_that_wait_for_their_seal(world):
    audit.seal()
    entry = audit.record_read(Actor.system("tests"), "look")
    assert worst("audit trail") is Level.OK
    append_only.remove(connection, "core_auditentry")
    AuditEntry.objects.filter(pk=entry.pk).update(at=clock.now() - timedelta(hours=2))
    assert worst("audit trail") is Level.WARN


def test_a_migration_that_waits_and_one_from_the_future(db):
    assert worst("tables") is Level.OK
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('ledger', '9999_later', CURRENT_TIMESTAMP)")
    assert "the database is newer than this Stepwell (ledger.9999_later)" in found("tables")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'registers'")
    assert any("migrations wait" in words for words in found("tables"))


def test_a_store_that_lost_a_file(world):
    assert worst("record store") is Level.OK
    (world.store.path / world.store.refresh().manifest.parts[0].file).unlink()
    assert worst("record store") is Level.FAIL


def test_a_ledger_behind_its_records(world):
    assert worst("evaluation") is Level.OK
    world.more("Iris", "weight 72 on 2026-05-20")
    assert worst("evaluation") is Level.WARN
    Evaluation.objects.update(finished_at=clock.now() - timedelta(days=2))
    assert worst("evaluation") is Level.FAIL


def test_people_who_wait_too_long(world):
    long_ago = clock.now() - timedelta(hours=1)
    PendingEvaluation.objects.create(person_id=world.ids["Iris"], since=long_ago, next_attempt_at=long_ago, attempts=1)
    assert worst("evaluation") is Level.WARN
    PendingEvaluation.objects.update(attempts=9)
    assert worst("evaluation") is Level.FAIL


def test_an_import_that_nobody_carries_out(world):
    assert worst("imports") is Level.OK
    long_ago = clock.now() - timedelta(hours=1)
    asked = {"asked_at": long_ago, "asked_by_id": world.members["manager"].user_id, "role": "practice manager"}
    ImportRun.objects.create(org_code=PRACTICE, name="unmistakable.json", **asked)
    (finding,) = doctor.examine(("imports",))
    assert finding.level is Level.WARN and "db_worker" in finding.do and "unmistakable" not in finding.found


def test_a_full_disk(settings, monkeypatch):
    usage = doctor.shutil._ntuple_diskusage
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(100 * 10**9, 99 * 10**9, 3 * 10**9))
    assert worst("disk") is Level.WARN
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: usage(100 * 10**9, 100 * 10**9, 10**8))
    assert worst("disk") is Level.FAIL


def test_a_check_that_cannot_run_is_a_finding(monkeypatch, settings):
    def broken():
        raise ValueError("Ada Reed, 999 000 0018")

    monkeypatch.setitem(doctor.CHECKS, "disk", broken)
    (finding,) = doctor.examine(("disk",))
    assert finding.level is Level.FAIL and finding.found == "could not be checked (ValueError)"


def test_a_check_that_is_not_there():
    with pytest.raises(Refused, match="There is no check 'weather'"):
        doctor.examine(("weather",))


def test_the_command_ends_with_1_when_something_has_to_be_mended(world, settings, capsys):
    assert main(["doctor", "--only", "append only", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    append_only.remove(connection, "ledger_dutyevent")
    assert main(["doctor", "--only", "append only"]) == 1
    out = capsys.readouterr().out
    assert "fail  append only: ledger_dutyevent can be changed" in out and "→" in out and "1 to mend" in out

"""The audit trail's chain: sealed in commit order, verified link by link, and every way to tamper is found."""

from __future__ import annotations

import json
import threading

import pytest
from django.db import connection, connections, transaction

import web_support
from stepwell.cli import main
from stepwell.web.core import append_only, audit
from stepwell.web.core.actor import Actor
from stepwell.web.core.models import AuditEntry, AuditSeal

SYSTEM = Actor.system("tests")


def write_entries(count: int) -> list[AuditEntry]:
    return [audit.record_read(SYSTEM, "view patient", person_ids=[number, number + 1], reason="Zoë’s list") for number in range(count)]


@pytest.mark.django_db
def test_an_empty_trail_is_whole():
    result = audit.verify()
    assert (result.ok, result.entries, result.sealed, result.unsealed, result.head) == (True, 0, 0, 0, audit.GENESIS)


@pytest.mark.django_db
def test_sealing_takes_what_is_there_once():
    write_entries(3)
    assert audit.verify().unsealed == 3
    assert audit.seal() == 3
    assert audit.seal() == 0
    write_entries(2)
    result = audit.verify()
    assert (result.ok, result.sealed, result.unsealed) == (True, 3, 2)
    assert result.first_unsealed == AuditEntry.objects.order_by("pk")[3].pk
    assert audit.seal(1, quick=True) == 1
    assert audit.seal(quick=True) == 1
    assert audit.verify().sealed == 5


def tamper(sql: str, table: str) -> None:
    """What somebody with the database's own password could do."""
    append_only.remove(connection, table)
    with connection.cursor() as cursor:
        cursor.execute(sql)
    append_only.install(connection, table, ("position", "entry_id") if table == "core_auditseal" else ("id",))


TAMPERING = {
    "alter a reason": ("UPDATE core_auditentry SET reason = 'other' WHERE id = {third}", "core_auditentry", 3, "altered"),
    "alter the people": ("UPDATE core_auditentry SET person_ids = '[99]' WHERE id = {third}", "core_auditentry", 3, "altered"),
    "remove an entry": ("DELETE FROM core_auditentry WHERE id = {third}", "core_auditentry", 3, "removed"),
    "remove a seal": ("DELETE FROM core_auditseal WHERE position = 2", "core_auditseal", 2, "missing"),
    "alter a seal": ("UPDATE core_auditseal SET hash = '{hash}' WHERE position = 2", "core_auditseal", 2, "altered"),
    "alter a link": ("UPDATE core_auditseal SET previous = '{hash}' WHERE position = 4", "core_auditseal", 4, "follow"),
}


@pytest.mark.django_db
@pytest.mark.parametrize(("sql", "table", "position", "why"), TAMPERING.values(), ids=TAMPERING.keys())
def test_tampering_is_found_at_its_place(sql, table, position, why):
    entries = write_entries(5)
    audit.seal()
    tamper(sql.format(third=entries[2].pk, hash="f" * 64), table)
    broken = audit.verify().broken
    assert broken is not None
    assert broken.position == position
    assert why in broken.why


@pytest.mark.django_db
def test_every_column_is_under_the_seal():
    entry = write_entries(1)[0]
    sealed = audit.link(audit.GENESIS, entry)
    for field in AuditEntry._meta.concrete_fields:
        changed = AuditEntry.objects.get(pk=entry.pk)
        value = getattr(changed, field.attname)
        setattr(changed, field.attname, changed.at.replace(year=2001) if field.attname == "at" else f"{value}x")
        assert audit.link(audit.GENESIS, changed) != sealed, field.attname


@pytest.mark.django_db
def test_the_cut_off_end_is_proved_by_a_head_noted_elsewhere():
    write_entries(3)
    audit.seal()
    noted = audit.verify().head
    last = AuditSeal.objects.order_by("-position")[0]
    tamper(f"DELETE FROM core_auditseal WHERE position = {last.position}", "core_auditseal")
    tamper(f"DELETE FROM core_auditentry WHERE id = {last.entry_id}", "core_auditentry")
    assert audit.verify().head != noted


@pytest.mark.django_db
def test_the_command_names_the_broken_link(capsys):
    entries = write_entries(3)
    assert main(["audit", "verify"]) == 0
    assert "3 entries, 0 sealed and whole, 3 not yet sealed" in capsys.readouterr().out
    assert main(["audit", "seal"]) == 0
    assert main(["audit", "verify", "--json"]) == 0
    told = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert (told["ok"], told["sealed"], told["unsealed"], told["broken"]) == (True, 3, 0, None)
    tamper(f"UPDATE core_auditentry SET action = 'nothing' WHERE id = {entries[1].pk}", "core_auditentry")
    assert main(["audit", "verify"]) == 1
    assert f"BROKEN at seal 2, entry {entries[1].pk}: the entry was altered after it was sealed" in capsys.readouterr().out


@pytest.mark.django_db(transaction=True)
def test_a_write_and_its_entry_commit_together_or_not_at_all():
    with pytest.raises(audit.NotInTransaction, match="inside the transaction"):
        audit.record_write(SYSTEM, "change something")
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record_write(SYSTEM, "change something")
        raise RuntimeError
    assert AuditEntry.objects.count() == 0


@pytest.mark.django_db(transaction=True)
def test_sealers_that_run_at_the_same_time_make_one_chain():
    write_entries(40)
    sealed: list[int] = []

    def work() -> None:
        try:
            for _ in range(5):
                sealed.append(audit.seal(6))
        finally:
            connections["default"].close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    result = audit.verify()
    assert sum(sealed) == 40
    assert (result.ok, result.sealed, result.unsealed) == (True, 40, 0)


@pytest.mark.django_db
@pytest.mark.parametrize("quick", [False, True])
def test_an_entry_that_commits_late_is_sealed_late(quick):
    """A long transaction takes its number early and shows its entry late; PostgreSQL does that under load."""
    seen_first = audit.record_read(SYSTEM, "view patient")
    late = AuditEntry.objects.get(pk=seen_first.pk)
    late.pk, late._state.adding = seen_first.pk + 10, True
    late.save()
    assert audit.seal(quick=quick) == 2
    late.pk, late._state.adding = seen_first.pk + 5, True
    late.save()
    assert audit.seal(quick=quick) == 1
    order = list(AuditSeal.objects.order_by("position").values_list("entry_id", flat=True))
    assert order == [seen_first.pk, seen_first.pk + 10, seen_first.pk + 5]
    assert audit.verify().ok


def test_recorded_sees_reads_writes_and_refusals(db):
    with web_support.recorded() as trail:
        audit.record_read(SYSTEM, "list", person_ids=[1, 2], result_count=50)
        audit.record_write(SYSTEM, "change", person_id=3)
        audit.record_refusal(SYSTEM, "view", person_id=4)
    assert [entry.result_count for entry in trail.reads_of(2)] == [50]
    assert trail.reads_of(3) == []
    assert len(trail.writes("change")) == len(trail.refusals()) == 1

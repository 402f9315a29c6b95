"""What the work of a duty is, how long it takes and who does it: the knowledge base's minutes, with an organisation's own over them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

import yaml
from django.db.models import Case, CharField, F, Q, Value, When
from django.db.models.functions import Cast

from stepwell import knowledge
from stepwell.web.accounts.roles import roles
from stepwell.web.core.permissions import Permission
from stepwell.web.ledger import known

VISIT, TEST, DUTY = "visit", "test", "duty"
ONCE_WORDS = {
    VISIT: "once a visit, however many duties it settles",
    TEST: "once for all duties that the same review or check answers",
    DUTY: "for each duty",
}


@dataclass(frozen=True, slots=True)
class Task:
    """A kind of work. `minutes` and `role` are the pack's until an organisation enters its own; `role` empty: as the duty says.
    `rules`: titles of the rules whose duties it is."""

    task: str
    label: str
    minutes: int
    once: str
    role: str
    mark: str
    note: str
    sources: tuple[str, ...]
    rules: tuple[str, ...]


@cache
def pack_tasks() -> Mapping[str, Task]:
    """In the order of the knowledge base; the last is for duties that nothing else describes."""
    pack = knowledge.load()
    titles: dict[str, list[str]] = {}
    for row in pack.tables()["k_minutes"].to_pylist():
        if row["rule_id"] is not None:
            titles.setdefault(row["task"], []).append(pack.rules[row["rule_id"]].title)
    return {
        key: Task(
            key,
            entry.label,
            entry.minutes,
            entry.once,
            entry.role or "",
            entry.mark,
            entry.note,
            tuple(known.source_title(source) for source in entry.source),
            tuple(dict.fromkeys(titles.get(key, ()))),
        )
        for key, entry in pack.minutes.items()
    }


def task(key: str) -> Task:
    """A task of the pack in use, or what stands for one that it no longer has."""
    return pack_tasks().get(key) or pack_tasks()[otherwise()]


@cache
def otherwise() -> str:
    """The task of duties whose rule the pack in use no longer has."""
    rows = knowledge.load().tables()["k_minutes"].to_pylist()
    return next(str(row["task"]) for row in rows if row["rule_id"] is None)


@cache
def _rules_by_task() -> Mapping[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for row in knowledge.load().tables()["k_minutes"].to_pylist():
        if row["rule_id"] is not None:
            found.setdefault(row["task"], []).append(row["rule_id"])
    return {key: tuple(sorted(rules)) for key, rules in found.items()}


def task_of(rule_id: str) -> str:
    return _task_by_rule().get(rule_id, otherwise())


@cache
def _task_by_rule() -> Mapping[str, str]:
    return {rule: key for key, rules in _rules_by_task().items() for rule in rules}


def share_of(key: str, test: str, duty_id: int) -> str:
    """What makes several duties of one task one piece of work: nothing more (a visit), their test, or nothing (the duty itself)."""
    once = task(key).once
    return "" if once == VISIT else test if once == TEST and test else str(duty_id)


def task_expression() -> Case:
    """The task of a duty, in the database."""
    whens = [When(rule_id__in=rules, then=Value(key)) for key, rules in _rules_by_task().items() if key != otherwise()]
    return Case(*whens, default=Value(otherwise()), output_field=CharField())


def share_expression() -> Case:
    """`share_of` a duty whose `task` is annotated, in the database."""
    by = {once: [key for key, each in pack_tasks().items() if each.once == once] for once in (VISIT, TEST)}
    return Case(
        When(task__in=by[VISIT], then=Value("")),
        When(Q(task__in=by[TEST]) & ~Q(test=""), then=F("test")),
        default=Cast(F("id"), CharField()),
        output_field=CharField(),
    )


# Who does it


@cache
def _roles_by_kind() -> Mapping[str, Mapping[str, str]]:
    text = resources.files("stepwell.web.week").joinpath("work_roles.yaml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, str]] = yaml.safe_load(text)
    return found


def rota_role(kind: str, role: str) -> str:
    """The role on the rota of an organisation of this kind that does what a duty gives to `role`."""
    mapped = _roles_by_kind().get(kind, {})
    return mapped.get(role or "any", role or "any")


@cache
def rota_roles(kind: str) -> tuple[str, ...]:
    """Roles that do duties at an organisation of this kind, in the order of `roles.yaml`."""
    return tuple(key for key, role in roles().items() if kind in role.kinds and Permission.ACT_ON_DUTY in role.may)


def role_label(role: str) -> str:
    found = roles().get(role)
    return found.label if found else role[:1].upper() + role[1:]


def known_keys() -> Collection[str]:
    return pack_tasks().keys()

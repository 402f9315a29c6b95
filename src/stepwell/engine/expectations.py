"""What a spec says is owed, read: each line becomes the row of the outputs that it speaks of, and what that row must say.

`FORMS` lists the lines; dates are YYYY-MM-DD, amounts in the load's own unit, facts after the colon in any order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa

from stepwell.engine.worked import ORGANISATIONS
from stepwell.errors import Refused

FORMS = """
RULE [of SUBJECT,] POINT: STATE, due DATE, opens DATE, escalates DATE, counted from DATE, served on DATE, by WHAT, points N,
    OWNER, because TEXT
MEDICINE: current | lapsed, since DATE, changed DATE, ends DATE, dose N mg, counted N mg, dose unknown, when required, supplied by KINDS,
    licensed | off-licence | licence unknown, for INDICATION, N months, covered N percent, N early, OWNER
total LOAD: N [UNIT], prescribed N [UNIT], N unknown, since DATE, of MEDICINES
register REGISTER: current | lapsed, since DATE, new starter, not new starter, long term, not long term, N months, by MEDICINES
spell REGISTER: since DATE, left DATE, still on it, supply ended | answered | left the practice | died
interaction KEY: critical | high | moderate, since DATE, of MEDICINES
fact FACT [SUBJECT]: N, since DATE, because TEXT
reason REASON: N points
not RULE [of SUBJECT,] [POINT] | no MEDICINE | no total LOAD | no register REGISTER | no spell REGISTER | no interaction KEY
no fact FACT [SUBJECT] | no reason REASON | nothing
"""

STATES = ("open", "met", "lapsed", "declined", "not applicable")
LICENCES = {"licensed": "licensed", "off-licence": "off-licence", "licence unknown": "unknown"}
SERVED_BY = ("result", "done", "declined", "supply")
ENDINGS = ("supply ended", "answered", "left the practice", "died")
SEVERITIES = ("critical", "high", "moderate")
TABLES = {
    "total": ("totals", "load"),
    "register": ("registers", "register"),
    "spell": ("register_spells", "register"),
    "interaction": ("interactions", "interaction"),
    "fact": ("facts", "fact"),
    "reason": ("priority", "reason"),
}
SINCE = {"medicines": "started_on", "totals": "from_on", "registers": "entered_on", "register_spells": "entered_on"}
_DATE = r"(\d{4}-\d{2}-\d{2})"
_AMOUNT = r"(-?\d+(?:\.\d+)?)"


@dataclass(frozen=True)
class Expectation:
    """One line of `owed`, read."""

    line: str
    table: str
    having: dict[str, Any]
    """Which row is meant."""
    says: dict[str, Any] = field(default_factory=dict)
    """What that row must say."""
    because: str | None = None
    """A reason (needs) or the evidence (facts) in words."""
    absent: bool = False


@dataclass(frozen=True)
class _Form:
    """Words after the colon: in which tables they may stand, and the columns they set."""

    tables: tuple[str, ...]
    pattern: str
    says: Callable[[re.Match[str], str, Decimal], dict[str, Any]]


def _owner(match: re.Match[str], table: str, scale: Decimal) -> dict[str, Any]:
    return {"owner_org": ORGANISATIONS.get(match[1], match[1])}


def _dated(column: str) -> Callable[[re.Match[str], str, Decimal], dict[str, Any]]:
    return lambda match, table, scale: {column: date.fromisoformat(match[1])}


def _constant(column: str, value: Any) -> Callable[[re.Match[str], str, Decimal], dict[str, Any]]:
    return lambda match, table, scale: {column: value}


def _whole(column: str) -> Callable[[re.Match[str], str, Decimal], dict[str, Any]]:
    return lambda match, table, scale: {column: int(match[1])}


def _scaled(column: str) -> Callable[[re.Match[str], str, Decimal], dict[str, Any]]:
    return lambda match, table, scale: {column: int(Decimal(match[1]) * scale)}


def _word(column: str) -> Callable[[re.Match[str], str, Decimal], dict[str, Any]]:
    return lambda match, table, scale: {column: match[1]}


_ORGANISATION = rf"(nobody|{'|'.join(ORGANISATIONS)})"
_FORMS = [
    _Form(("needs",), rf"({'|'.join(STATES)})", _word("state")),
    _Form(("needs",), rf"due {_DATE}", _dated("due_on")),
    _Form(("needs",), rf"opens {_DATE}", _dated("opens_on")),
    _Form(("needs",), rf"escalates {_DATE}", _dated("escalate_on")),
    _Form(("needs",), rf"counted from {_DATE}", _dated("anchor_on")),
    _Form(("needs",), rf"served on {_DATE}", _dated("served_on")),
    _Form(("needs",), rf"by ({'|'.join(SERVED_BY)})", _word("served_by")),
    _Form(("needs",), r"points (\d+)", _whole("priority")),
    _Form(("needs", "medicines"), _ORGANISATION, _owner),
    _Form(("medicines", "registers"), r"(current|lapsed)", _word("status")),
    _Form(tuple(SINCE), rf"since {_DATE}", lambda match, table, scale: {SINCE[table]: date.fromisoformat(match[1])}),
    _Form(("facts", "interactions"), rf"since {_DATE}", _dated("from_on")),
    _Form(("medicines",), rf"changed {_DATE}", _dated("last_change_on")),
    _Form(("medicines",), rf"ends {_DATE}", _dated("supply_ends_on")),
    _Form(("medicines",), rf"dose {_AMOUNT} mg", lambda match, table, scale: {"daily_ug": int(Decimal(match[1]) * 1000)}),
    _Form(("medicines",), rf"counted {_AMOUNT} mg", lambda match, table, scale: {"counted_ug": int(Decimal(match[1]) * 1000)}),
    _Form(("medicines",), r"dose unknown", _constant("daily_ug", None)),
    _Form(("medicines",), r"when required", _constant("as_required", True)),
    _Form(("medicines",), r"supplied by ([a-z+]+)", _word("supplied_by")),
    _Form(("medicines",), rf"({'|'.join(LICENCES)})", lambda match, table, scale: {"licence": LICENCES[match[1]]}),
    _Form(("medicines",), r"for (.+)", _word("indication")),
    _Form(("medicines", "registers"), r"(\d+) months?", _whole("months")),
    _Form(("medicines",), r"covered (\d+) percent", _whole("covered_percent")),
    _Form(("medicines",), r"(\d+) early", _whole("early_issues")),
    _Form(("totals",), r"(\d+) unknown", _whole("unknown")),
    _Form(("totals",), rf"{_AMOUNT}(?: [a-z%]+)?", _scaled("value")),
    _Form(("totals",), rf"prescribed {_AMOUNT}(?: [a-z%]+)?", _scaled("prescribed")),
    _Form(("totals",), r"of (.+)", _word("parts")),
    _Form(("registers",), r"new starter", _constant("new_starter", True)),
    _Form(("registers",), r"not new starter", _constant("new_starter", False)),
    _Form(("registers",), r"long term", _constant("long_term", True)),
    _Form(("registers",), r"not long term", _constant("long_term", False)),
    _Form(("registers",), r"by (.+)", _word("substances")),
    _Form(("register_spells",), rf"left {_DATE}", _dated("left_on")),
    _Form(("register_spells",), r"still on it", _constant("left_on", None)),
    _Form(("register_spells",), rf"({'|'.join(ENDINGS)})", _word("reason")),
    _Form(("interactions",), rf"({'|'.join(SEVERITIES)})", _word("severity")),
    _Form(("interactions",), r"of (.+)", _word("substances")),
    _Form(("facts",), r"(-?\d+)", _whole("value")),
    _Form(("priority",), r"(-?\d+) points?", _whole("points")),
]


class Reader:
    """Reads lines of `owed` with one pack of knowledge."""

    def __init__(self, knowledge: Mapping[str, pa.Table]) -> None:
        self.rules = {row["rule_id"]: row for row in knowledge["k_rule"].to_pylist()}
        self.substances = {row["substance"]: row["label"] for row in knowledge["k_substance"].to_pylist()}
        self.loads = {row["load"]: row for row in knowledge["k_load"].to_pylist()} if "k_load" in knowledge else {}
        self.tests = {row["test"]: row["label"] for row in knowledge["k_test"].to_pylist()}

    def read(self, line: str) -> Expectation:
        """The row a line speaks of. A line that no form fits is refused, naming it."""
        absent = line.startswith(("not ", "no "))
        head, _, facts = line.removeprefix("not ").removeprefix("no ").partition(": ")
        table, having = self._which(head, line)
        says, because = self._facts(facts, table, having, line)
        return Expectation(line, table, having, says, because, absent)

    def _which(self, head: str, line: str) -> tuple[str, dict[str, Any]]:
        name, _, rest = head.partition(" ")
        if head in self.substances:
            return "medicines", {"substance": head}
        if name in TABLES and rest:
            table, key = TABLES[name]
            if table == "facts":
                fact, _, subject = rest.partition(" ")
                return table, {key: fact, "subject": subject}
            if table == "totals" and rest not in self.loads:
                raise Refused(f"'{line}': knowledge has no load '{rest}'")
            return table, {key: rest}
        if name not in self.rules:
            raise Refused(f"'{line}': knowledge has neither a rule nor a medicine '{head}'. The lines are:\n{FORMS.strip()}")
        having = {"rule_id": name}
        if match := re.match(r"of ([^,]+),?\s*", rest):
            having["subject"] = match[1]
            rest = rest[match.end() :]
        if rest:
            having["point"] = rest
        return "needs", having

    def _facts(self, text: str, table: str, having: Mapping[str, Any], line: str) -> tuple[dict[str, Any], str | None]:
        scale = Decimal(self.loads[having["load"]]["scale"]) if table == "totals" else Decimal(1)
        says: dict[str, Any] = {}
        text, _, because = text.partition("because ")
        for words in filter(None, (part.strip() for part in text.split(","))):
            for form in _FORMS:
                match = re.fullmatch(form.pattern, words) if table in form.tables else None
                if match:
                    says.update(form.says(match, table, scale))
                    break
            else:
                raise Refused(f"'{line}': '{words}' says nothing that it has. The lines are:\n{FORMS.strip()}")
        return says, because or None

    def in_words(self, line: str) -> str:
        """The line as the guide shows it, with the names of rules, medicines and loads."""
        if line == "nothing":
            return line
        expected = self.read(line)
        facts = line.partition(": ")[2]
        if expected.table == "needs":
            about = ", ".join(filter(None, (expected.having.get("subject"), expected.having.get("point"))))
            title = self.rules[expected.having["rule_id"]]["title"] + (f" ({about})" if about else "")
            return f"no {title}" if expected.absent else f"**{title}**: {facts}"
        if expected.table == "medicines":
            name = self.substances[expected.having["substance"]]
            return f"not on a register: {name}" if expected.absent else f"{name}: {facts}"
        if expected.table == "totals":
            name = self.loads[expected.having["load"]]["label"]
            return f"no {name}" if expected.absent else f"{name}: {facts}"
        if expected.table == "registers":
            name = expected.having["register"]
            return f"not on the register {name}" if expected.absent else f"on the register {name}: {facts}"
        return line

"""What a protocol says, in words, and how two versions of it differ.

The terms (stability, reviews, contact, plan to stop) are the protocol's own. Monitoring and the matrix of who does what are drawn from
the rules of the knowledge pack; an adopted version keeps them as they were on that day, since the pack moves on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stepwell.knowledge import model, shared_care
from stepwell.knowledge.compile import Knowledge
from stepwell.web.ledger import known
from stepwell.web.library import words

SIDES = {"practice": "the practice", "specialist": "the specialist team"}
APPROVED = "V"  # the only mark that needs no local approval
TERMS, MEDICINES, MONITORING, MATRIX = "terms", "medicines", "monitoring", "matrix"
PARTS = {TERMS: "Terms", MEDICINES: "Medicines", MONITORING: "Monitoring", MATRIX: "Who does what"}
_PLAIN_POINTS = ("ongoing", "once", "trigger")

Text = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Figure:
    """A statement of a protocol with where it comes from."""

    label: str
    text: str
    sources: str
    needs_approval: bool
    note: str


@dataclass(frozen=True, slots=True)
class Change:
    """One line that differs; `before` or `after` is empty where only one version has it."""

    part: str
    label: str
    before: str
    after: str


def figure(label: str, text: str, on: model.Sourced) -> Figure:
    sources = "; ".join(known.source_title(key) for key in on.source)
    return Figure(label, text, sources, on.mark != APPROVED, getattr(on, "note", "") or "")


def figures(protocol: shared_care.Protocol) -> list[Figure]:
    may = "yes" if protocol.requestable.value else f"no: {protocol.refused_because}"
    found = [figure("Can be asked for", may, protocol.requestable)]
    if protocol.stability is not None:
        weeks = protocol.stability.weeks
        found.append(figure("Stable before it is asked for", f"{weeks} weeks on the same medicine and dose", protocol.stability))
    found.append(figure("Agreement reviewed", f"every {words.span(protocol.agreement_review.every)}", protocol.agreement_review))
    found.append(figure("Reviewed by a specialist", f"every {words.span(protocol.specialist_review.every)}", protocol.specialist_review))
    found.append(figure("Contact for advice", protocol.contact.words, protocol.contact))
    found.append(figure("Plan to stop", protocol.stop.words, protocol.stop))
    return found


def timetable(rule: model.Rule) -> tuple[tuple[str, str], ...]:
    """When a rule asks, by point, with whose it usually is."""
    found = []
    for line in words.timetable(rule):
        usual = rule.usual_owner.get(line.point, "")
        whose = f" ({SIDES.get(usual, usual)})" if usual else ""
        found.append(("" if line.point in _PLAIN_POINTS else line.point, f"{line.when}{whose}"))
    return tuple(found)


def drawn(protocol: shared_care.Protocol, pack: Knowledge) -> dict[str, dict[str, str]]:
    """What the pack says beside the protocol now: part → label → words. Kept with a version when it is adopted."""
    members = pack.members.get(protocol.set, frozenset())
    names = ", ".join(sorted(known.medicine(name) for name in members))
    return {
        MEDICINES: {"For": names},
        MONITORING: {
            rule.title: "; ".join(f"{point}: {when}" if point else when for point, when in timetable(rule))
            for rule in shared_care.monitoring(pack, members)
        },
        MATRIX: {line.label: SIDES[line.proposed] for line in pack.responsibilities.values()},
    }


def text_of(protocol: shared_care.Protocol, beside: Mapping[str, Any]) -> Text:
    """Everything a version says, by part; a part that was not kept with it is not there."""
    return {TERMS: {each.label: each.text for each in figures(protocol)}, **{part: beside[part] for part in PARTS if part in beside}}


def changes(before: Text, after: Text) -> list[Change]:
    """The lines that differ, in the order of the page."""
    found = []
    for part, title in PARTS.items():
        if part not in before or part not in after:
            continue
        for label in dict.fromkeys([*before[part], *after[part]]):
            pair = before[part].get(label, ""), after[part].get(label, "")
            if pair[0] != pair[1]:
                found.append(Change(title, label, *pair))
    return found


def not_comparable(before: Text, after: Text) -> list[str]:
    """Parts that one of the two versions did not keep."""
    return [title for part, title in PARTS.items() if part not in before or part not in after]

"""Shared care as knowledge: the protocol of a medicine or class, who does what, and why a practice may decline.

A protocol does not repeat the rules: which tests are due when, whose they usually are, and what follows from a result is read from the
rules about the medicine (`baseline_tests`, `monitoring`, `thresholds`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from stepwell.knowledge import model

if TYPE_CHECKING:
    from stepwell.knowledge.compile import Knowledge

BASELINE = "baseline"
PRESCRIBE, ALL = "prescribe", "all"
_DUE = ("monitor", "review", "finding")
_ON_RESULTS = ("result", "combination")

Side = Literal["practice", "specialist"]


class Stability(model.Sourced, frozen=True, kw_only=True):
    """How long the medicine and dose must have been stable before shared care is asked for."""

    weeks: Annotated[int, msgspec.Meta(ge=0)]


class Again(model.Sourced, frozen=True, kw_only=True):
    """How often something is looked at again."""

    every: model.Span


class Words(model.Sourced, frozen=True, kw_only=True):
    words: model.Text


class Protocol(model.Sourced, frozen=True, kw_only=True):
    """Shared care of the medicines of `set`. `version` rises with every change; agreements name the one they were made under."""

    protocol: model.Key
    version: Annotated[int, msgspec.Meta(ge=1)]
    label: model.Text
    set: model.Key
    requestable: model.Flag
    refused_because: str = ""
    stability: Stability | None = None
    agreement_review: Again
    specialist_review: Again
    contact: Words
    stop: Words


class Responsibility(model.Sourced, frozen=True, kw_only=True):
    """One line of who does what. It covers the rules that it names by rule, test, kind and sample, or none; `line` is the line of an
    agreement that is no rule's (`prescribe`); `rest` takes every rule that no other covers. `fixed`: stays on the proposed side."""

    responsibility: model.Key
    label: model.Text
    line: Literal["", "prescribe"] = ""
    rules: tuple[model.Key, ...] = ()
    tests: tuple[model.Key, ...] = ()
    kinds: tuple[model.RuleKind, ...] = ()
    samples: tuple[model.Sample, ...] = ()
    rest: bool = False
    proposed: Side
    fixed: bool = False

    def fits(self, rule: model.Rule, sample: str | None) -> bool:
        """Whether the duties of this rule are this responsibility's; `sample`: of the rule's test."""
        named = bool(self.rules or self.tests or self.kinds or self.samples)
        return self.rest or (
            named
            and (not self.rules or rule.rule in self.rules)
            and (not self.tests or rule.test in self.tests)
            and (not self.kinds or rule.kind in self.kinds)
            and (not self.samples or sample in self.samples)
        )


class DeclineReason(model.Sourced, frozen=True, kw_only=True):
    """Why a practice does not take shared care on."""

    decline_reason: model.Key
    label: model.Text


def rules_about(known: Knowledge, substance: str) -> list[model.Rule]:
    """Rules that a supply of this medicine can bring about, but the one that asks who looks after it: that one is never shared."""
    return [
        rule
        for rule in known.rules.values()
        if rule.kind != "agree" and any(substance in known.members.get(name, ()) for name in (rule.set, rule.set_b, rule.set_c) if name)
    ]


def protocol_of(known: Knowledge, substance: str) -> Protocol | None:
    """The protocol about this medicine: of several the one with the fewest medicines."""
    found = [protocol for protocol in known.protocols.values() if substance in known.members.get(protocol.set, ())]
    return min(found, key=lambda protocol: (len(known.members[protocol.set]), protocol.protocol), default=None)


def responsibility_of(known: Knowledge, rule: model.Rule) -> Responsibility:
    """The one line that the duties of this rule stand under."""
    sample = known.tests[rule.test].sample if rule.test else None
    return next(line for line in known.responsibilities.values() if line.fits(rule, sample))


def lines(known: Knowledge, substance: str, owners: Mapping[str, str]) -> dict[str, str]:
    """Lines of an agreement (`prescribe`, rule ids, `all`) from owners of responsibilities. `all` is the owner of the rest, so that a
    rule that comes later is nobody's surprise; rules with that owner are not repeated."""
    found: dict[str, str] = {line.line: owners[key] for key, line in known.responsibilities.items() if line.line}
    found[ALL] = next(owners[key] for key, line in known.responsibilities.items() if line.rest)
    for rule in rules_about(known, substance):
        owner = owners[responsibility_of(known, rule).responsibility]
        if owner != found[ALL]:
            found[rule.rule] = owner
    return found


def baseline_rules(known: Knowledge, substance: str) -> list[model.Rule]:
    """Rules about this medicine that ask for a value from before its start."""
    return [
        rule
        for rule in rules_about(known, substance)
        if rule.test and rule.kind == "monitor" and any(point.point == BASELINE for point in rule.points)
    ]


def monitoring(known: Knowledge, substances: Iterable[str]) -> list[model.Rule]:
    """What is due over time, with its points and usual owners by phase."""
    return _of_kinds(known, substances, _DUE)


def thresholds(known: Knowledge, substances: Iterable[str]) -> list[model.Rule]:
    """What follows from a result or from medicines together: bands and actions."""
    return _of_kinds(known, substances, _ON_RESULTS)


def _of_kinds(known: Knowledge, substances: Iterable[str], kinds: tuple[str, ...]) -> list[model.Rule]:
    about = {rule.rule: rule for substance in sorted(substances) for rule in rules_about(known, substance)}
    return [rule for key, rule in known.rules.items() if key in about and rule.kind in kinds]

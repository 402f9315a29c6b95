"""What must hold in shared care: protocols of sets that exist, and a line of responsibility for every rule."""

from __future__ import annotations

from collections.abc import Iterable

from stepwell.knowledge.advice import at, near
from stepwell.knowledge.model import length
from stepwell.knowledge.pack import Finding, Raw
from stepwell.knowledge.shared_care import Protocol, Responsibility


def protocols(raw: Raw) -> Iterable[Finding]:
    """Their set exists; what can be asked for says how stable, what cannot says why."""
    sets = raw.known("sets", "medicines")
    for entry in raw.sections["protocols"].values():
        protocol: Protocol = entry.value
        if protocol.set not in sets:
            yield at(entry, ("set",), near(protocol.set, sets, "a set of medicines"))
        if protocol.requestable.value and protocol.stability is None:
            yield at(entry, ("stability",), "a protocol that can be asked for says how long the medicine is stable first: add 'stability:'")
        if protocol.requestable.value and protocol.refused_because:
            yield at(entry, ("refused_because",), "shared care can be asked for, so there is nothing to refuse: delete it")
        if not protocol.requestable.value and not protocol.refused_because:
            yield at(entry, ("requestable",), "say why shared care cannot be asked for: add 'refused_because:'")
        for part in ("agreement_review", "specialist_review"):
            if length(getattr(protocol, part).every).approximate_days <= 0:
                yield at(entry, (part, "every"), "a review comes after some time: write for example '12 months'")


def responsibilities(raw: Raw) -> Iterable[Finding]:
    """Names are those of rules and tests; one entry prescribes; the last one, and no other, takes the rest."""
    if raw.broken["responsibilities"]:  # told there already
        return
    entries = list(raw.sections["responsibilities"].values())
    if not entries:
        yield Finding("responsibilities.yaml", 1, "nobody would own anything: write at least the entry with 'rest: true'")
        return
    for entry in entries:
        line: Responsibility = entry.value
        for part, known, what in (("rules", "rules", "a rule"), ("tests", "tests", "a test")):
            for index, name in enumerate(getattr(line, part)):
                if name not in raw.known(known):
                    yield at(entry, (part, index), near(name, raw.known(known), what))
        if line.rest and (entry is not entries[-1] or line.rules or line.tests or line.kinds or line.samples or line.line):
            yield at(entry, ("rest",), "the rest is what no other entry takes: put it last, and let it name nothing")
        if not line.rest and entry is entries[-1]:
            yield at(entry, (), "the last entry must take the rest, so that no rule is without a line: add one with 'rest: true'")
    if sum(entry.value.line == "prescribe" for entry in entries) != 1:
        yield Finding("responsibilities.yaml", 1, "one entry, and only one, is about prescribing: write 'line: prescribe' on it")


def decline_reasons(raw: Raw) -> Iterable[Finding]:
    """A practice must be able to say why."""
    if not raw.sections["decline_reasons"] and not raw.broken["decline_reasons"]:
        yield Finding("decline-reasons.yaml", 1, "a practice declines with a reason: write at least one")

"""The protocol library in words: what shared care of a medicine asks for, monitoring by phase and owner, results and actions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q
from markupsafe import Markup

from stepwell.knowledge import model, shared_care
from stepwell.knowledge.compile import Knowledge
from stepwell.web.agreements.models import Agreement
from stepwell.web.agreements.protocol_use import InUse
from stepwell.web.core.actor import Actor
from stepwell.web.ledger import known
from stepwell.web.library import words

SIDES = {"practice": "the practice", "specialist": "the specialist team"}
_APPROVED = "V"  # the only mark that needs no local approval


@dataclass(frozen=True, slots=True)
class Figure:
    """A statement of a protocol with where it comes from."""

    label: str
    text: str
    sources: str
    needs_approval: bool
    note: str


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of the protocol: what, when by phase with whose it usually is, or which result with what to do."""

    key: str
    title: str
    when: tuple[tuple[str, str], ...]
    action: str
    needs_approval: bool


@dataclass(frozen=True, slots=True)
class Use:
    """How many agreements in force were made under a version, of those the actor may see."""

    version: int
    number: int


def figure(label: str, text: str, on: model.Sourced) -> Figure:
    sources = "; ".join(known.source_title(key) for key in on.source)
    return Figure(label, text, sources, on.mark != _APPROVED, getattr(on, "note", "") or "")


def uses_of(actor: Actor, on: date) -> dict[str, list[Use]]:
    """Protocol → agreements in force of the actor's organisation by version."""
    party = Q(between_org__in=actor.organisations) | Q(and_org__in=actor.organisations)
    force = Q(from_on__lte=on) & (Q(to_on__isnull=True) | Q(to_on__gt=on))
    rows = Agreement.objects.filter(party & force, protocol_version__isnull=False).exclude(protocol="").order_by()
    found: dict[str, list[Use]] = {}
    for protocol, version, number in rows.values_list("protocol", "protocol_version").annotate(n=Count("id")):
        found.setdefault(protocol, []).append(Use(version or 0, number))
    return found


class ProtocolRow:
    """One line of the library, in the version that the actor's organisation uses."""

    def __init__(self, used: InUse, pack: Knowledge, uses: Sequence[Use], names: Mapping[str, str]) -> None:
        protocol = used.protocol
        self.used, self.key, self.label, self.version = used, protocol.protocol, protocol.label, used.version
        self.adopted_by = names.get(used.by_org, used.by_org)
        self.medicines: Markup = known.marked(", ".join(known.medicine(name) for name in sorted(pack.members.get(protocol.set, ()))))
        self.requestable = protocol.requestable.value
        self.refused_because = protocol.refused_because
        self.uses = list(uses)

    @property
    def in_use(self) -> int:
        return sum(use.number for use in self.uses)

    @property
    def behind(self) -> int:
        """Agreements made under an earlier version."""
        return sum(use.number for use in self.uses if use.version < self.version)


class LibraryPage:
    """Every protocol of the library."""

    def __init__(self, used: Sequence[InUse], pack: Knowledge, uses: Mapping[str, Sequence[Use]], names: Mapping[str, str]) -> None:
        self.rows = [ProtocolRow(each, pack, uses.get(each.protocol.protocol, ()), names) for each in used]
        self.area = f"Knowledge pack {pack.version}"

    @property
    def heading(self) -> str:
        shared = sum(row.requestable for row in self.rows)
        return f"{len(self.rows)} shared care protocols, {shared} of them can be asked for"


class ProtocolPage(ProtocolRow):
    """One protocol, whole."""

    def __init__(self, used: InUse, pack: Knowledge, uses: Sequence[Use], names: Mapping[str, str]) -> None:
        super().__init__(used, pack, uses, names)
        protocol = used.protocol
        members = pack.members.get(protocol.set, frozenset())
        self.figures = _figures(protocol)
        self.monitoring = [_line(rule) for rule in shared_care.monitoring(pack, members)]
        self.thresholds = [_result(rule, pack) for rule in shared_care.thresholds(pack, members)]
        self.responsibilities = [(figure(line.label, SIDES[line.proposed], line), line.fixed) for line in pack.responsibilities.values()]
        self.indications = _indications(pack, members)
        self.baseline = sorted(
            {pack.tests[rule.test].label for name in members for rule in shared_care.baseline_rules(pack, name) if rule.test}
        )
        self.sources = [known.source_title(key) for key in protocol.source]
        self.needs_approval = protocol.mark != _APPROVED

    @property
    def heading(self) -> str:
        return f"{self.label}: shared care protocol, version {self.version}"


def _figures(protocol: shared_care.Protocol) -> list[Figure]:
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


def _indications(pack: Knowledge, members: frozenset[str]) -> list[tuple[str, list[str]]]:
    """Licensed and off-licence uses that the knowledge base lists, by condition."""
    found: dict[str, set[str]] = {}
    for name in members:
        for licence in pack.substances[name].licences:
            found.setdefault(licence.licence, set()).add(pack.conditions[licence.condition].label)
    return [(key, sorted(labels)) for key, labels in sorted(found.items())]


def _line(rule: model.Rule) -> RuleLine:
    when = []
    for line in words.timetable(rule):
        usual = rule.usual_owner.get(line.point, "")
        whose = f" ({SIDES.get(usual, usual)})" if usual else ""
        when.append(("" if line.point in ("ongoing", "once", "trigger") else line.point, f"{line.when}{whose}"))
    return RuleLine(rule.rule, rule.title, tuple(when), "", rule.mark != _APPROVED)


def _result(rule: model.Rule, pack: Knowledge) -> RuleLine:
    test = pack.tests.get(rule.test) if rule.test else None
    band = words.band(rule, test.label, test.unit) if test else ""
    return RuleLine(rule.rule, rule.title, (("", band),) if band else (), rule.action or rule.because, rule.mark != _APPROVED)

"""What the pages of the knowledge browser show: every figure with its source ids and its mark."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from stepwell.knowledge import model, shared_care
from stepwell.web.core.formatting import count
from stepwell.web.ledger.known import MARKS
from stepwell.web.library import words
from stepwell.web.library.catalogue import KINDS, Became, Catalogue, Item
from stepwell.web.library.reducing import Reducing

PAGE_SIZE = 100
SYSTEMS = {"snomed": "SNOMED CT or dm+d", "dmd": "dm+d", "bnf": "BNF", "icd10": "ICD-10", "read2": "Read v2", "ctv3": "CTV3"}


def address(kind: str, key: str) -> str:
    return reverse("library:show_entry", args=[kind, key])


@dataclass(frozen=True, slots=True)
class Link:
    text: str
    href: str = ""
    note: str = ""
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Figure:
    """One line: what, its value, the sources and mark it stands on."""

    label: str
    value: str
    sources: tuple[Link, ...]
    mark: str
    note: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    heading: str
    links: list[Link]
    many: bool = False
    """So many that they are folded."""


@dataclass
class EntryPage:
    """One entry. `pending`: the reader's organisation has not approved the pack, so whatever was not read in its source says so."""

    kind: str
    item: Item
    pending: bool
    lede: str = ""
    facts: list[tuple[str, str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)
    lines: list[words.Line] = field(default_factory=list)
    line_sources: list[tuple[Link, ...]] = field(default_factory=list)
    line_windows: list[tuple[Link, ...]] = field(default_factory=list)
    groups: list[tuple[str, list[str]]] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    evidence: list[tuple[Became, str, tuple[Link, ...]]] = field(default_factory=list)
    worked: list[Any] = field(default_factory=list)

    @property
    def title(self) -> str:
        return self.item.title

    @property
    def kind_word(self) -> str:
        return KINDS[self.kind][0]

    @property
    def kind_words(self) -> str:
        return KINDS[self.kind][1].lower()

    @property
    def told_sources(self) -> list[Link]:
        """Every source of the timetable once, with its title."""
        links = [link for group in (*self.line_sources, *self.line_windows) for link in group]
        return list({link.text: link for link in links}.values())

    @property
    def needs_approval(self) -> bool:
        return self.pending and bool(self.item.mark) and self.item.mark != "V"

    @property
    def marks(self) -> list[tuple[str, str]]:
        """The marks on the page, in words."""
        shown = {self.item.mark, *(figure.mark for figure in self.figures), *(line.mark for line in self.lines)}
        shown |= {line.window.mark for line in self.lines if line.window} | {became.row.mark for became, _, _ in self.evidence}
        return [(mark, words_) for mark, words_ in MARKS.items() if mark in shown]


class Shown(Reducing):
    """Makes pages of one catalogue."""

    def __init__(self, catalogue: Catalogue, pending: bool) -> None:
        self.catalogue, self.known, self.pending = catalogue, catalogue.known, pending

    def sources(self, ids: Iterable[str]) -> tuple[Link, ...]:
        """Source ids with their titles; letters that stand for a source in words."""
        found = []
        for key in ids:
            source = self.known.sources.get(key)
            found.append(Link(key, address("source", key), source.title) if source else Link(key, "", MARKS.get(key, "")))
        return tuple(found)

    def figure(self, label: str, value: str, on: Any, *, note: str | None = None, link: str = "") -> Figure:
        return Figure(label, value, self.sources(on.source), on.mark, on.note if note is None else note, link)

    def link(self, kind: str, key: str, note: str = "") -> Link:
        item = self.catalogue.items.get((kind, key))
        return Link(item.title, address(kind, key), note or item.about, item.mark) if item else Link(key)

    def set_link(self, name: str, note: str = "") -> Link:
        item = self.catalogue.set_item(name)
        return Link(item.title, address(item.kind, item.key), note, item.mark) if item else Link(name)

    def section(self, heading: str, links: list[Link]) -> Section:
        return Section(heading, links, len(links) > 12)

    def page(self, kind: str, key: str, entry: Any) -> EntryPage:
        item = self.catalogue.items[kind, key]
        page = EntryPage(kind, item, self.pending)
        getattr(self, f"_{kind.replace('-', '_')}")(page, entry)
        used = self.catalogue.used_by.get((kind, key), ())
        for other, (_, many, _) in KINDS.items():
            links = [self.link(other, user.key) for user in used if user.kind == other and not user.minor]
            heading = f"{many} that use it"
            if links and not any(section.heading == many for section in page.sections):
                page.sections.append(Section(heading, links, len(links) > 12))
        page.evidence = [
            (became, f"{reverse('library:show_evidence', args=[became.table])}#row-{became.number}", self.sources(became.row.sources))
            for became in self.catalogue.evidence_of.get((kind, key), ())
        ]
        return page

    def _codes(self, page: EntryPage, none: str) -> None:
        counted = self.catalogue.codes.get((page.kind, page.item.key))
        told = "; ".join(f"{SYSTEMS.get(system, system)} {number:,}" for system, number in sorted(counted.items())) if counted else none
        page.facts.append(("Codes", told))

    def _medicine(self, page: EntryPage, medicine: model.Medicine) -> None:
        page.lede = medicine.note
        page.facts.append(("Forms", ", ".join(medicine.forms)))
        self._codes(page, "no product in the lists: known by name")
        if medicine.names:
            page.facts.append(("Names", ", ".join(medicine.names)))
        page.figures.append(self.figure("BNF code", ", ".join(medicine.bnf) or "none", medicine, note=""))
        if medicine.specialist_initiated:
            page.figures.append(
                self.figure(
                    "Started by a specialist", "yes" if medicine.specialist_initiated.value else "no", medicine.specialist_initiated
                )
            )
        if maximum := medicine.max_daily:
            page.figures.append(self.figure("Maximum", _maximum_words(maximum), maximum))
        if usual := medicine.usual_daily:
            page.figures.append(self.figure("Usual dose", f"{usual.low:g} to {usual.high:g} mg a day", usual))
        if morphine := medicine.oral_morphine:
            page.figures.append(self.figure("Oral morphine", f"× {morphine.value:g}", morphine))
        if given := medicine.injection:
            self._injection(page, given)
        if window := medicine.window:
            early = f"{words.span(window.early)} early to " if window.early else ""
            page.figures.append(self.figure("On time", f"{early}{words.span(window.late)} late", window))
        page.figures += self._licences(medicine)
        if medicine.no_licences:
            page.figures.append(self.figure("Licences", medicine.no_licences.none_because, medicine.no_licences))
        if rated := medicine.ratings:
            shown = [f"{name} {getattr(rated, name)}" for name in rated.__struct_fields__ if name not in ("source", "mark", "note")]
            page.figures.append(self.figure("Side effects, 0 to 3", ", ".join(shown), rated))
        for load in self.known.loads.values():
            self._part(page, load, medicine.medicine)
        self.products_of(page, medicine.medicine)
        about = self.catalogue.rules_about(medicine.medicine)
        for kind in dict.fromkeys(words.kind(rule) for rule in about):
            page.sections.append(Section(f"Rules: {kind.lower()}", self._rules([rule for rule in about if words.kind(rule) == kind])))
        classes = sorted(name for name in page.item.classes if name in self.known.sets)
        page.sections.append(Section("Classes", [self.link("set", name) for name in classes], len(classes) > 12))
        page.sections += self._interactions(medicine.medicine)
        forms = [self.link("medicine", key) for key in self.known.substances if key.startswith(f"{medicine.medicine} (")]
        page.sections += [Section("Other forms", forms)] if forms else []

    def _licences(self, medicine: model.Medicine) -> Iterable[Figure]:
        """Conditions that stand on the same source, mark and note share a line."""
        together: dict[tuple[str, str, str, str], list[model.Licence]] = {}
        for licence in medicine.licences:
            together.setdefault((licence.licence, " ".join(licence.source), licence.mark, licence.note), []).append(licence)
        for (kind, *_), licences in together.items():
            names = ", ".join(self.catalogue.label("condition", licence.condition) for licence in licences)
            yield self.figure("Licensed in" if kind == "licensed" else "Off licence in", names, licences[0])

    def _injection(self, page: EntryPage, given: model.Injection) -> None:
        between = " to ".join(words.span(part) for part in (given.shortest, given.longest) if part)
        page.figures.append(self.figure("Given every", words.span(given.every) + (f" ({between})" if between else ""), given))
        page.figures.append(self.figure("Dose", f"{given.dose_from_mg:g} to {given.dose_to_mg:g} mg", given, note=""))
        if given.not_before:
            page.figures.append(self.figure("Not before", f"{words.span(given.not_before)} after the last", given, note=""))
        for label, text in (
            ("Start", given.start),
            ("Cover by mouth", given.oral_cover),
            ("Site", given.site),
            ("Observe", given.observation),
        ):
            if text:
                page.figures.append(self.figure(label, text, given, note=""))

    def _part(self, page: EntryPage, load: model.Load, medicine: str) -> None:
        href = address("load", load.load)
        if medicine in load.leaves_out:
            page.figures.append(self.figure(load.label.capitalize(), f"not counted: {load.leaves_out[medicine]}", load, note="", link=href))
        for part in load.parts:
            if part.medicine == medicine:
                page.figures.append(self.figure(load.label.capitalize(), self._part_words(load, part), part, link=href))
                self._published(page, load, part, load.label.capitalize())
        if load.set and medicine in self.known.members[load.set] and medicine not in load.leaves_out:
            how = "percent of the maximum above" if load.by == "maximum" else "by the factor above"
            page.figures.append(self.figure(load.label.capitalize(), how, load, note="", link=href))

    @staticmethod
    def _part_words(load: model.Load, part: model.Part) -> str:
        if part.points is not None:
            return count(part.points, "point")
        return f"{part.equals:g} mg equal {load.of:g} mg" if part.equals is not None else f"× {part.factor:g}"

    def _published(self, page: EntryPage, load: model.Load, part: model.Part, label: str) -> None:
        """What the tables say of one medicine, each with its own source and mark."""
        for told in part.published:
            size = f"{told.equals:g}{f' to {told.to:g}' if told.to is not None else ''} mg equal {load.of:g} mg"
            page.figures.append(self.figure(f"{label}: {told.table}", size, told))

    def _rules(self, rules: Sequence[model.Rule]) -> list[Link]:
        links = []
        for rule in rules:
            points = words.timetable(rule)
            when = "; ".join(dict.fromkeys(line.point if line.point != "ongoing" else line.when for line in points))
            links.append(
                Link(
                    rule.title,
                    address("rule", rule.rule),
                    f"{words.kind(rule).lower()}: {when}" if when else words.kind(rule).lower(),
                    rule.mark,
                )
            )
        return links

    def _interactions(self, medicine: str) -> list[Section]:
        links = [
            self.link("interaction", key, f"{one.severity}: {one.harm}")
            for key, one in self.known.interactions.items()
            if any(medicine in self.known.members.get(name, ()) for name in one.sets)
        ]
        return [Section("Interactions", links)] if links else []

    def _rule(self, page: EntryPage, rule: model.Rule) -> None:
        page.lede = rule.because + (f" {rule.action}" if rule.action else "")
        names = [name for name in (rule.set, rule.set_b, rule.set_c) if name]
        page.facts.append(("Kind", words.kind(rule)))
        if rule.band:
            test = self.known.tests[rule.band.test]
            page.facts.append(("Acts on", words.band(rule, test.label, test.unit)))
        page.facts.append(("For people on", " together with ".join(self.catalogue.set_label(name) for name in names)))
        if rule.applies:
            page.groups.append(("Only for", words.any_of(rule.applies)))
        if rule.unless:
            page.groups.append(("Not for", words.any_of(rule.unless)))
        if rule.after:
            page.facts.append(("Once it has lasted", words.span(rule.after)))
        page.facts.append(("Owner", words.owner(rule)))
        if rule.usual_owner:
            page.facts.append(("Usually agreed", "; ".join(f"{when}: {who}" for when, who in rule.usual_owner.items())))
        if rule.escalate:
            page.figures.append(self.figure("Escalates", f"{words.span(rule.escalate.after)} after it was due", rule.escalate))
        if rule.lookback and length_days(rule.lookback):
            page.facts.append(("A result counts from", f"{words.span(rule.lookback)} before"))
        page.facts.append(("Counted", "for each medicine" if rule.per == "substance" else "once for the class"))
        page.facts.append(("Priority", count(rule.priority, "point") + " while open" if rule.priority else "no points of its own"))
        page.facts.append(("Version", f"{rule.version} of rule {rule.rule}"))
        if rule.again:
            page.figures.append(
                self.figure(
                    "Raised anew", f"by a result still out of range, over {words.span(rule.again.after)} after an answer", rule.again
                )
            )
        if rule.triggers:
            page.facts.append(("Trigger", ", ".join(rule.triggers)))
        page.figures.insert(0, self.figure("The rule", rule.title, rule))
        if rule.band:
            test = self.known.tests[rule.band.test]
            page.figures.append(
                self.figure("Result", words.band(rule, test.label, test.unit), rule, note="", link=address("test", rule.band.test))
            )
        for part, groups in (("Only when", rule.applies), ("Not when", rule.unless), ("Sooner when", rule.sooner_when)):
            page.figures += [self.figure(part, when.label, when) for group in groups for when in group]
        page.lines = words.timetable(rule)
        page.line_sources = [self.sources(line.source) for line in page.lines]
        page.line_windows = [self.sources(line.window.source) if line.window else () for line in page.lines]
        if rule.options:
            page.sections.append(Section("Options", [self.link("option", key) for key in rule.options]))
        page.sections.append(Section("Classes", [self.set_link(name) for name in names]))
        if rule.test:
            page.sections.append(Section("Done by", [self.link("test", rule.test)]))
        members = sorted({medicine for name in names for medicine in self.known.members.get(name, ())} - set(names))
        page.sections.append(Section("Medicines", [self.link("medicine", name) for name in members], len(members) > 12))

    def _test(self, page: EntryPage, test: model.Test) -> None:
        page.lede = test.note
        page.facts.append(("Kind", test.kind))
        page.facts.append(("Sample", test.sample))
        self._codes(page, test.no_codes_because or "none")
        page.figures.append(self.figure("Unit", test.unit or "none: only whether it was done", test, note=""))
        if test.categories:
            page.figures.append(self.figure("Categories from", ", ".join(f"{low:g}" for low in test.categories), test, note=""))
        page.sections.append(Section("Code lists", [self.link("codelist", use.list) for use in test.lists])) if test.lists else None
        rules = [rule for rule in self.known.rules.values() if rule.test == test.test or (rule.band and rule.band.test == test.test)]
        page.sections.append(Section("Rules", self._rules(rules)))

    def _condition(self, page: EntryPage, condition: model.Condition) -> None:
        page.lede = condition.note
        self._codes(page, "none")
        lasts = f"{words.span(condition.lasts)} after its record" if condition.lasts else "from its first record until it is ended"
        page.figures.append(self.figure("Counts", lasts, condition, note=""))
        page.sections.append(Section("Code lists", [self.link("codelist", use.list) for use in condition.lists]))

    def _set(self, page: EntryPage, entry: model.MedicineSet) -> None:
        page.figures.append(self.figure("Class", entry.label, entry))
        if entry.specialist_initiated:
            page.figures.append(
                self.figure("Started by a specialist", "yes" if entry.specialist_initiated.value else "no", entry.specialist_initiated)
            )
        members = sorted(self.known.members[entry.set])
        page.sections.append(Section("Medicines", [self.link("medicine", name) for name in members], len(members) > 12))

    def _register(self, page: EntryPage, register: model.Register) -> None:
        made_of = self.set_link(register.set) if register.set else self.link("condition", register.condition or "")
        who = f"people with a current supply of {made_of.text}" if register.set else f"people with {made_of.text}"
        page.figures.append(self.figure("On it", who, register))
        page.facts.append(("Group", register.group))
        page.sections.append(Section("Made of", [made_of]))

    def _interaction(self, page: EntryPage, one: model.Interaction) -> None:
        page.lede = f"{one.harm[:1].upper()}{one.harm[1:]}. {one.action}"
        page.facts.append(("Id", one.interaction))
        page.figures.append(self.figure("Severity", one.severity, one))
        page.figures.append(self.figure("Within", "at the same time" if one.window == "0 days" else words.span(one.window), one, note=""))
        page.sections.append(Section("Classes", [self.set_link(name) for name in one.sets]))

    def _load(self, page: EntryPage, load: model.Load) -> None:
        page.lede = load.note
        page.figures.append(self.figure("Adds up", f"{_ADDED[load.by]}, in {load.unit}", load, note=""))
        for part in load.parts:
            label = self.catalogue.label("medicine", part.medicine)
            page.figures.append(self.figure(label, self._part_words(load, part), part, link=address("medicine", part.medicine)))
            self._published(page, load, part, label)
        if load.set:
            for name in sorted(self.known.members[load.set] - set(load.leaves_out)):
                medicine = self.known.substances[name]
                figure = medicine.max_daily if load.by == "maximum" else medicine.oral_morphine
                if figure is not None:
                    page.figures.append(self.figure(medicine.label, _figure_words(figure), figure, link=address("medicine", name)))
        page.facts += [(f"Without {self.catalogue.label('medicine', name)}", why) for name, why in load.leaves_out.items()]

    def _patch(self, page: EntryPage, patch: model.Patch) -> None:
        page.figures.append(self.figure("Rate", f"{patch.micrograms_an_hour:g} micrograms an hour", patch))
        page.figures.append(self.figure("Worn for", f"{patch.wear_hours} hours", patch, note=""))
        if patch.daily_micrograms:
            page.figures.append(self.figure("Counts as", f"{patch.daily_micrograms:,} micrograms a day", patch, note=""))
        page.sections.append(Section("Medicine", [self.link("medicine", patch.medicine)]))

    def _priority(self, page: EntryPage, reason: model.Priority) -> None:
        page.figures.append(self.figure("Points", str(reason.points), reason))
        page.facts.append(("Group", reason.group))
        if reason.per_days:
            page.facts.append(("Counts", f"again every {reason.per_days} days" + (f", at most {reason.cap}" if reason.cap else "")))

    def _risk(self, page: EntryPage, risk: model.Risk) -> None:
        page.lede = "Parts that are counted together: each is out of range while the last result lies in the band of one of its rules."
        within = f"no older than {words.span(risk.within)}" if risk.within else "however old"
        page.figures.append(self.figure("Results", within, risk))
        for part in risk.parts:
            page.sections.append(Section(part.label.capitalize(), [self.link("rule", key) for key in part.rules]))

    def _option(self, page: EntryPage, option: model.Option) -> None:
        page.lede = "Something that may be done: a person chooses, no rule orders it."
        page.figures.append(self.figure("Option", option.label, option))
        if option.needs_reason:
            links = [self.link("reason", key) for key in self.known.clinical_reasons]
            page.sections.append(Section("Needs one of these reasons", links))

    def _reason(self, page: EntryPage, reason: model.ClinicalReason) -> None:
        page.lede = "Why a medicine is not changed although risks accrue: a reason about the person."
        page.figures.append(self.figure("Reason", reason.label, reason))

    def _protocol(self, page: EntryPage, protocol: shared_care.Protocol) -> None:
        page.lede = protocol.refused_because or "What shared care of these medicines asks for; the rules say what is due when."
        page.facts.append(("Version", str(protocol.version)))
        page.figures.append(self.figure("Can be asked for", "yes" if protocol.requestable.value else "no", protocol.requestable))
        if protocol.stability:
            page.figures.append(self.figure("Stable before", f"{protocol.stability.weeks} weeks", protocol.stability))
        for label, again in (("Agreement reviewed", protocol.agreement_review), ("Specialist review", protocol.specialist_review)):
            page.figures.append(self.figure(label, f"every {words.span(again.every)}", again))
        for label, said in (("Contact", protocol.contact), ("Plan to stop", protocol.stop)):
            page.figures.append(self.figure(label, said.words, said))
        members = self.known.members[protocol.set]
        tests = {rule.test: rule for name in sorted(members) for rule in shared_care.baseline_rules(self.known, name) if rule.test}
        page.sections.append(Section("Baseline results", [self.link("test", key) for key in tests]))
        page.sections.append(Section("Monitoring", self._rules(shared_care.monitoring(self.known, members))))
        page.sections.append(Section("Results to act on", self._rules(shared_care.thresholds(self.known, members))))
        page.sections.append(Section("Medicines", [self.link("medicine", name) for name in sorted(members)], len(members) > 12))

    def _responsibility(self, page: EntryPage, line: shared_care.Responsibility) -> None:
        page.lede = "One line of who does what in shared care: it has one owner."
        usual = f"the {line.proposed}" + (", and cannot be given to the other side" if line.fixed else "")
        page.figures.append(self.figure("Usual owner", usual, line))
        about = [rule for rule in self.known.rules.values() if rule.kind != "agree"]
        covered = [rule for rule in about if shared_care.responsibility_of(self.known, rule) is line]
        page.sections.append(Section("Rules it covers", self._rules(covered), len(covered) > 12))

    def _decline(self, page: EntryPage, reason: shared_care.DeclineReason) -> None:
        page.lede = "Why a practice does not take shared care on: each is a reason to be answered."
        page.figures.append(self.figure("Reason", reason.label, reason))

    def _parameter(self, page: EntryPage, parameter: model.Parameter) -> None:
        page.lede = parameter.meaning
        page.figures.append(self.figure("Value", f"{parameter.value:,} {parameter.unit}", parameter))

    def _codelist(self, page: EntryPage, codelist: model.Codelist) -> None:
        page.facts += [
            ("File", codelist.file), ("Kind", codelist.kind),
            ("Codes", f"{codelist.rows:,}, {SYSTEMS.get(codelist.system, codelist.system)}"),
            ("From", codelist.origin), ("Licence", codelist.licence), ("Reviewed", codelist.reviewed),
        ]  # fmt: skip

    def _source(self, page: EntryPage, source: model.Source) -> None:
        page.facts += [("Id", source.id), ("Where", source.where), ("Kind of text", source.kind)]
        if source.same_as:
            page.sections.append(Section("The same as", [self.link("source", source.same_as)]))


_ADDED = {
    "maximum": "percent of each medicine's maximum",
    "oral-morphine": "daily dose times the medicine's factor",
    "factor": "daily dose by the parts below",
    "points": "points, whatever the dose",
}


def _figure_words(figure: model.Factor | model.Maximum) -> str:
    if isinstance(figure, model.Factor):
        return f"× {figure.value:g}"
    return _maximum_words(figure)


def _maximum_words(maximum: model.Maximum) -> str:
    per = "a day" if maximum.days == 1 else f"in {words.span(f'{maximum.days} days')}"
    return maximum.none_because or f"{maximum.mg:,g} mg {per}"


def length_days(text: str) -> int:
    return model.length(text).approximate_days


@dataclass(frozen=True, slots=True)
class Query:
    q: str = ""
    kind: str = ""
    in_class: str = ""
    mark: str = ""
    page: int = 1

    def address(self, **changes: Any) -> str:
        values = {"q": self.q, "kind": self.kind, "class": self.in_class, "mark": self.mark, **changes}
        return f"{reverse('library:list_entries')}?{urlencode({name: value for name, value in values.items() if value})}"


def query_of(given: Any) -> Query:
    page = given.get("page", "")
    kind, mark = given.get("kind", ""), given.get("mark", "")
    return Query(
        " ".join(given.get("q", "").split())[:80],
        kind if kind in KINDS else "",
        given.get("class", "")[:80],
        mark if mark in MARKS or mark == "approval" else "",
        int(page) if page.isdecimal() and len(page) < 5 else 1,
    )


@dataclass(frozen=True, slots=True)
class Tab:
    text: str
    number: int
    href: str
    current: bool


class ListPage:
    """The entries that a query finds: tabs by kind with their numbers, one kind at a time."""

    def __init__(self, catalogue: Catalogue, query: Query, pending: bool) -> None:
        self.query, self.pending = query, pending
        found = [item for item in catalogue.items.values() if self._matches(item)]
        numbers = {kind: sum(item.kind == kind for item in found) for kind in KINDS}
        self.kind = query.kind or next((kind for kind, number in numbers.items() if number), "medicine")
        self.tabs = [Tab(KINDS[kind][1], number, query.address(kind=kind), kind == self.kind) for kind, number in numbers.items()]
        shown = sorted((item for item in found if item.kind == self.kind), key=lambda item: item.title.lower())
        self.total = len(shown)
        last = max(1, -(-self.total // PAGE_SIZE))
        number = min(query.page, last)
        self.items = [(item, address(item.kind, item.key)) for item in shown[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]]
        self.pager = {
            "number": number, "count": last,
            "previous": query.address(kind=self.kind, page=number - 1) if number > 1 else "",
            "next": query.address(kind=self.kind, page=number + 1) if number < last else "",
        }  # fmt: skip
        self.classes = sorted(((name, entry.label) for name, entry in catalogue.known.sets.items()), key=lambda pair: pair[1].lower())
        self.marks = [*MARKS.items()]
        self.has_filters = bool(query.q or query.in_class or query.mark)
        self.clear = Query(kind=self.kind).address()
        self.what = KINDS[self.kind][1]

    def _matches(self, item: Item) -> bool:
        query = self.query
        if item.minor and not query.q:
            return False
        if query.in_class and query.in_class not in item.classes and (item.kind, item.key) != ("set", query.in_class):
            return False
        if query.mark == "approval" and not (self.pending and item.mark not in ("", "V")):
            return False
        if query.mark in MARKS and item.mark != query.mark:
            return False
        return all(word in item.text for word in query.q.lower().split())


class EvidencePage:
    """One table of evidence: each row with its sources, its mark, and what it became."""

    def __init__(self, shown: Shown, table: Any) -> None:
        self.table, self.about = table, table.about
        self.columns = [name for name in table.columns if name not in (table.about.source, table.about.mark)]
        self.rows = []
        for number, row in enumerate(table.rows, start=1):
            account = shown.catalogue.accounts.get((table.name, row.key))
            links = [shown.link(kind, key) for kind, key in shown.catalogue.became[table.name, number]]
            kept = f"kept as a table: {table.about.kept}" if table.about.kept else "the codes are those of medicines of the pack"
            reason = account.left_out if account else "" if links else kept
            cells = [(name, row.figures[name]) for name in self.columns if row.figures[name]]
            self.rows.append((number, row, cells, shown.sources(row.sources), links, reason, bool(account) and not links))
        self.marks = [(mark, told) for mark, told in MARKS.items() if any(row.mark == mark for row in table.rows)]

"""Reads a pack: YAML files whose every value remembers its line, decoded to the types of `model`."""

from __future__ import annotations

import csv
import difflib
import re
import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml

from stepwell.knowledge import letters, model, reviewing, shared_care, tapering
from stepwell.knowledge.build import NAME_COLUMNS, PRODUCT_COLUMNS

MARKS = "V (read in the cited text), S (secondary text), K (common knowledge, not yet checked), C or D (calculated), P (proposal)"

# file or folder → key of the list it holds → type of an entry, name of the entry's own key
SECTIONS: dict[str, tuple[str, type, str]] = {
    "parameters.yaml": ("parameters", model.Parameter, "name"),
    "sources.yaml": ("sources", model.Source, "id"),
    "codelists.yaml": ("codelists", model.Codelist, "file"),
    "classes.yaml": ("sets", model.MedicineSet, "set"),
    "registers.yaml": ("registers", model.Register, "register"),
    "tests.yaml": ("tests", model.Test, "test"),
    "loads.yaml": ("loads", model.Load, "load"),
    "patches.yaml": ("patches", model.Patch, "patch"),
    "interactions.yaml": ("interactions", model.Interaction, "interaction"),
    "conditions.yaml": ("conditions", model.Condition, "condition"),
    "points.yaml": ("points", model.Template, "template"),
    "priority.yaml": ("priority", model.Priority, "reason"),
    "risks.yaml": ("risks", model.Risk, "risk"),
    "options.yaml": ("options", model.Option, "option"),
    "clinical-reasons.yaml": ("clinical_reasons", model.ClinicalReason, "clinical_reason"),
    "groups.yaml": ("groups", model.PeopleGroup, "group"),
    "minutes.yaml": ("minutes", model.Minutes, "task"),
    "one-off-days.yaml": ("one_off_days", model.OneOffDay, "day"),
    "protocols.yaml": ("protocols", shared_care.Protocol, "protocol"),
    "responsibilities.yaml": ("responsibilities", shared_care.Responsibility, "responsibility"),
    "letter-headings.yaml": ("letter_headings", letters.LetterHeading, "heading"),
    "letter-kinds.yaml": ("letter_kinds", letters.LetterKind, "letter"),
    "decline-reasons.yaml": ("decline_reasons", shared_care.DeclineReason, "decline_reason"),
    "taper-products.yaml": ("taper_products", tapering.TaperProduct, "product"),
    "taper-rules.yaml": ("taper_rules", tapering.TaperRule, "taper_rule"),
    "taper-guards.yaml": ("taper_guards", tapering.TaperGuard, "guard"),
    "taper-occupancy.yaml": ("occupancies", tapering.Occupancy, "medicine"),
    "taper-support.yaml": ("taper_support", tapering.TaperSupport, "support"),
    "withdrawal-scales.yaml": ("withdrawal_scales", tapering.WithdrawalScale, "scale"),
    "taper-services.yaml": ("taper_services", tapering.TaperService, "service"),
    "taper-outcomes.yaml": ("taper_outcomes", tapering.TaperOutcome, "outcome"),
    "review-parts.yaml": ("review_parts", reviewing.ReviewPart, "review_part"),
    "review-kinds.yaml": ("review_kinds", reviewing.ReviewKind, "review_kind"),
    "medicines": ("medicines", model.Medicine, "medicine"),
    "rules": ("rules", model.Rule, "rule"),
}


class Finding(NamedTuple):
    """A fault of a pack: where, and what to write instead."""

    file: str
    line: int
    message: str


class Entry(NamedTuple):
    """One decoded entry with its place."""

    value: Any
    file: str
    node: yaml.Node

    def line(self, *path: str | int) -> int:
        return line_of(self.node, path)


@dataclass
class Raw:
    """Everything a pack says, decoded entry by entry, and what could not be read."""

    root: Path
    info: model.PackInfo | None = None
    sections: dict[str, dict[str, Entry]] = field(default_factory=lambda: {key: {} for key, _, _ in SECTIONS.values()})
    products: list[tuple[str, str, str, int | None, str]] = field(default_factory=list)
    names: list[tuple[str, str | None, str | None]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lists: dict[str, dict[str, str]] = field(default_factory=dict)
    broken: dict[str, set[str]] = field(default_factory=lambda: {key: set() for key, _, _ in SECTIONS.values()})

    def known(self, *sections: str) -> list[str]:
        """Keys of these sections, those of entries that could not be read included: one fault is told once."""
        return [name for section in sections for name in (*self.sections[section], *self.broken[section])]


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML without surprises: only true/false are booleans, no dates, and numbers with a leading zero stay text (codes)."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", "tf"),
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9]\d*)$", "-0123456789"),
    ("tag:yaml.org,2002:float", r"^-?(?:0|[1-9]\d*)\.\d+$", "-0123456789"),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), list(_first))


def line_of(node: yaml.Node, path: tuple[str | int, ...]) -> int:
    """The line (from 1) of the value at `path`, or of the deepest part of it that exists."""
    line = node.start_mark.line + 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        else:
            break
    return line


def plain(node: yaml.Node, findings: list[Finding], file: str) -> Any:
    """The node as Python values. A key given twice is a finding."""
    if isinstance(node, yaml.MappingNode):
        out: dict[str, Any] = {}
        for key, value in node.value:
            if key.value in out:
                findings.append(Finding(file, key.start_mark.line + 1, f"'{key.value}' is given twice in one entry: keep one of them"))
            out[key.value] = plain(value, findings, file)
        return out
    if isinstance(node, yaml.SequenceNode):
        return [plain(item, findings, file) for item in node.value]
    kind, text = node.tag.rsplit(":", 1)[-1], node.value
    match kind:
        case "int":
            return int(text)
        case "float":
            return float(text)
        case "bool":
            return text == "true"
        case "null":
            return None
    return text


def compose(path: Path, file: str, findings: list[Finding]) -> yaml.Node | None:
    """The document as nodes, or a finding."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        findings.append(Finding(file, 1, f"not UTF-8 (byte {error.start}): save the file as UTF-8"))
        return None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        findings.append(
            Finding(
                file, mark.line + 1 if mark else 1, f"not YAML: {error.problem or error.context}; check the indentation and quotes here"
            )
        )
        return None
    if node is None:
        findings.append(Finding(file, 1, "the file is empty: write its entries or delete it"))
    return node


_PATH = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.S)


def advise(error: msgspec.ValidationError, to: type) -> tuple[str, tuple[str | int, ...]]:
    """msgspec's message with what to write, and the path it is about."""
    match = _PATH.match(str(error))
    what, written = (match["what"], match["path"] or "$") if match else (str(error), "$")
    path: tuple[str | int, ...] = tuple(
        int(number) if number else name for name, number in re.findall(r"\.([^.\[]+)|\[(?:\.\.\.|(\d+))\]", written) if name or number
    )
    last = path[-1] if path else ""
    if unknown := re.search(r"unknown field `(.+?)`", what):
        known = _field_names(to, path)
        close = difflib.get_close_matches(unknown[1], known, 1)
        return f"'{unknown[1]}' is not a field here: " + (f"write '{close[0]}'" if close else f"write one of {', '.join(known)}"), (
            *path,
            unknown[1],
        )
    if missing := re.search(r"missing required field `(.+?)`", what):
        hint = {"mark": f"one of {MARKS}", "source": "a list of ids of sources.yaml"}.get(missing[1], "its value")
        return f"'{missing[1]}' is missing: add '{missing[1]}:' with {hint}", path
    if last == "mark":
        return (
            f"a mark is one letter, not a mixture: write one of {MARKS}; an entry whose figures have different marks is split into several",
            path,
        )
    if "enum value" in what:
        allowed = _allowed(to, path)
        return f"{what[0].lower()}{what[1:]}: write one of {', '.join(allowed)}" if allowed else what, path
    if "Expected `str`, got `int`" in what or "Expected `str`, got `float`" in what:
        return f"'{last}' is text, and YAML read a number: put it in quotes", path
    if "matching regex" in what and "months" in what:
        return f"'{last}' is not a length of time: write for example '3 months', '14 days' or '9 months 7 days'", path
    if "matching regex" in what:
        return f"'{last}' is not written as a key: use lower-case letters, digits, spaces and . - + ( ) only", path
    if what.startswith("Expected `array` of length"):
        return f"'{last}' is empty: write at least one", path
    if what.startswith("Expected `array`"):
        return f"'{last}' is a list: write it as [one, two] or on lines that begin with '-'", path
    return f"'{last}': {what[0].lower()}{what[1:]}" if last else what, path


def _types(to: Any, path: tuple[str | int, ...]) -> list[Any]:
    """The struct types that may stand at `path` inside `to`."""
    at = [to]
    for part in path:
        if isinstance(part, int):  # items are unwrapped with their list
            continue
        after = []
        for kind in at:
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                after += [f.type for f in msgspec.structs.fields(kind) if part in (f.encode_name, f.name)]
            else:
                after += [kind]
        at = [inner for kind in after for inner in _unwrap(kind)]
    return at


def _unwrap(kind: Any) -> list[Any]:
    arguments = getattr(kind, "__args__", ())
    if not arguments or typing.get_origin(kind) is typing.Literal:
        return [kind]
    return [inner for argument in arguments for inner in _unwrap(argument)]


def _field_names(to: type, path: tuple[str | int, ...]) -> list[str]:
    structs = [kind for kind in _types(to, path) if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    return sorted({f.encode_name for kind in structs for f in msgspec.structs.fields(kind)})


def _allowed(to: type, path: tuple[str | int, ...]) -> list[str]:
    return [str(value) for kind in _types(to, path) if typing.get_origin(kind) is typing.Literal for value in typing.get_args(kind)]


def entries(raw: Raw, path: Path, file: str, key: str) -> Iterator[yaml.Node]:
    node = compose(path, file, raw.findings)
    if node is None:
        return
    found = None
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if name.value == key:
                found = value
            else:
                raw.findings.append(
                    Finding(file, name.start_mark.line + 1, f"'{name.value}' does not belong in this file: it holds one list, '{key}:'")
                )
    if not isinstance(found, yaml.SequenceNode):
        raw.findings.append(Finding(file, 1, f"this file must hold a list under '{key}:'"))
        return
    yield from found.value


def read(root: Path) -> Raw:
    """Everything in `root` that can be read; the rest is in `.findings`."""
    raw = Raw(root)
    if not root.is_dir():
        raw.findings.append(Finding(str(root), 1, "no such folder: give the folder that holds pack.yaml"))
        return raw
    _read_info(raw)
    for place, (key, kind, own) in SECTIONS.items():
        if place.endswith(".yaml"):
            paths = [root / place]
            if not paths[0].is_file():
                raw.findings.append(Finding(place, 1, f"the file is missing: write it with a list under '{key}:'"))
                continue
        else:
            paths = sorted((root / place).glob("*.yaml"))
        for path in paths:
            file = path.relative_to(root).as_posix()
            for node in entries(raw, path, file, key):
                decode(raw, file, node, (key, kind, own))
    _read_lists(raw)
    _read_products(raw)
    return raw


def decode(raw: Raw, file: str, node: yaml.Node, place: tuple[str, type, str]) -> None:
    key, kind, own = place
    data = plain(node, raw.findings, file)
    try:
        value = model.decode(data, kind)
    except msgspec.ValidationError as error:
        message, path = advise(error, kind)
        label = data.get(own) if isinstance(data, dict) else None
        raw.findings.append(Finding(file, line_of(node, path), f"{own} '{label}': {message}" if label else message))
        if label:
            raw.broken[key].add(str(label))
        return
    name = getattr(value, own)
    section = raw.sections[key]
    if name in section:
        other = section[name]
        raw.findings.append(
            Finding(
                file,
                line_of(node, (own,)),
                f"{own} '{name}' is already defined in {other.file} line {other.line(own)}: give it another key or delete one",
            )
        )
        return
    section[name] = Entry(value, file, node)


def _read_info(raw: Raw) -> None:
    path = raw.root / "pack.yaml"
    if not path.is_file():
        raw.findings.append(
            Finding("pack.yaml", 1, "the file is missing: write name, version, authored, authors, reviewed and approval of the pack")
        )
        return
    node = compose(path, "pack.yaml", raw.findings)
    if node is None:
        return
    try:
        raw.info = model.decode(plain(node, raw.findings, "pack.yaml"), model.PackInfo)
    except msgspec.ValidationError as error:
        message, where = advise(error, model.PackInfo)
        raw.findings.append(Finding("pack.yaml", line_of(node, where), message))


def _read_lists(raw: Raw) -> None:
    """code → term of every list that is not a list of medicines; those are read by `build` into products.csv."""
    for name, entry in raw.sections["codelists"].items():
        path = raw.root / "codelists" / name
        if not path.is_file():
            raw.findings.append(
                Finding(entry.file, entry.line("file"), f"the list codelists/{name} is missing: add the file or delete the entry")
            )
            continue
        if entry.value.kind != "medicine":
            with path.open(encoding="utf-8-sig", newline="") as file:
                raw.lists[name] = {row["code"].strip(): row.get("term", "").strip() for row in csv.DictReader(file)}


def _read_products(raw: Raw) -> None:
    for name, columns in (("products.csv", PRODUCT_COLUMNS), ("names.csv", NAME_COLUMNS)):
        path = raw.root / name
        if not path.is_file():
            raw.findings.append(Finding(name, 1, "the file is missing: make it with 'stepwell knowledge products'"))
            continue
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file)
            if tuple(next(reader, ())) != columns:
                raw.findings.append(
                    Finding(name, 1, f"the columns must be {', '.join(columns)}: make it again with 'stepwell knowledge products'")
                )
                continue
            for row in reader:
                if name == "names.csv":
                    raw.names.append((row[0], row[1] or None, row[2] or None))
                else:
                    raw.products.append((row[0], row[1], row[2], int(row[3]) if row[3] else None, row[4]))

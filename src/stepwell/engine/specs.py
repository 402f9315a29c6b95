"""Specs: worked patients per rule family, run on every engine and rendered into the guide.

    python -m stepwell.engine.specs            run the specs on both engines and see whether the pages are fresh
    python -m stepwell.engine.specs --write    write the pages again

A spec is a YAML file `tests/spec/<medicine or family>/<name>.yaml`: title, rules, as_of, why, people. Each person says what `happened`
(sentences of `stepwell.engine.worked`) and what is `owed`:

lines of `stepwell.engine.expectations`, about duties and about what the engine found out (medicines, registers, totals ...).
Every open need of the spec's rules must be listed, so an empty list says that nothing is owed. `tests/spec/README.md` shows the language.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from stepwell.engine import ENGINES, Engine, run
from stepwell.engine.expectations import Expectation, Reader
from stepwell.engine.worked import WorkedPatient, worked
from stepwell.errors import Refused

SPECS = Path("tests/spec")
PAGES = Path("docs/guide/rules")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Person(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    happened: list[str]
    owed: list[str] = []
    note: str = ""


class Spec(msgspec.Struct, forbid_unknown_fields=True):
    title: str
    rules: list[str]
    as_of: date
    why: str
    people: list[Person]
    path: str = ""

    @property
    def medicine(self) -> str:
        return Path(self.path).parent.name


def load(folder: Path = SPECS) -> list[Spec]:
    """Every spec, by medicine and file name. A file that is not a spec is refused, naming it."""
    specs = []
    for path in sorted(folder.glob("*/*.yaml")):
        try:
            spec = msgspec.yaml.decode(path.read_bytes(), type=Spec)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Refused(f"{path}: {error}") from error
        spec.path = path.as_posix()
        specs.append(spec)
    if not specs:
        raise Refused(f"no specs in {folder}: run this from the project's folder")
    return specs


def check(specs: list[Spec], knowledge: Mapping[str, pa.Table], engine: Engine) -> list[str]:
    """Where the engine's answer differs from the specs; empty when it agrees with all of them. One run for each `as_of`."""
    faults: list[str] = []
    reader = Reader(knowledge)
    for as_of, group in groupby(sorted(specs, key=lambda spec: spec.as_of), key=lambda spec: spec.as_of):
        together = list(group)
        patients = [WorkedPatient(_full_name(spec, person), person.happened) for spec in together for person in spec.people]
        inputs, person_ids = worked(patients, knowledge, as_of)
        rows = {name: table.to_pylist() for name, table in run(inputs, as_of, engine).items()}
        for spec in together:
            for person in spec.people:
                person_id = person_ids[_full_name(spec, person)]
                own = {name: [row for row in table if row["person_id"] == person_id] for name, table in rows.items()}
                faults += [f"{spec.path}: {person.name}: {fault}" for fault in _faults(spec, person, own, reader)]
    return faults


def _full_name(spec: Spec, person: Person) -> str:
    return f"{spec.path}: {person.name}"


def _faults(spec: Spec, person: Person, rows: dict[str, list[dict[str, Any]]], reader: Reader) -> Iterator[str]:
    listed: set[tuple[str, str, str]] = set()
    for line in person.owed:
        if line == "nothing":
            if rows["needs"]:
                yield f"'nothing' is owed, but there is {_needs_in_words(rows['needs'])}"
            continue
        expected = reader.read(line)
        found = [row for row in rows[expected.table] if all(row[key] == value for key, value in expected.having.items())]
        if expected.absent:
            if found:
                yield f"'{line}', but it is there"
            continue
        if len(found) != 1:
            yield f"'{line}' fits {len(found)} rows; there is {_others(expected, rows)}"
            continue
        row = found[0]
        for column, value in expected.says.items():
            if row[column] != value:
                yield f"'{line}': {column} is {row[column]}"
        if expected.table == "needs":
            listed.add(_key(row))
            reasons = [reason["label"] for reason in rows["because"] if _key(reason) == _key(row)]
            if expected.because is not None and expected.because not in reasons:
                yield f"'{line}': the reasons are {reasons}"
        elif expected.because is not None and expected.because != row.get("evidence"):
            yield f"'{line}': the evidence is {row.get('evidence')}"
    for row in rows["needs"]:
        if row["rule_id"] in spec.rules and row["state"] == "open" and _key(row) not in listed:
            yield f"not listed: {_needs_in_words([row])}"


def _others(expected: Expectation, rows: dict[str, list[dict[str, Any]]]) -> str:
    """What there is instead: needs of that rule, or the rows of that table about anything else."""
    if expected.table == "needs":
        return _needs_in_words([row for row in rows["needs"] if row["rule_id"] == expected.having["rule_id"]])
    first = next(iter(expected.having))
    names = " ".join(str(row[first]) for row in rows[expected.table])
    return f"{expected.table} of {names or 'nothing'}"


def _key(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["rule_id"], row["subject"], row["point"]


def _needs_in_words(rows: list[dict[str, Any]]) -> str:
    words = [
        f"{row['rule_id']} of {row['subject']}, {row['point']}: {row['state']}, due {row['due_on']}, {row['owner_org']}" for row in rows
    ]
    return "; ".join(words) or "none"


def title_of(folder: str, knowledge: Mapping[str, pa.Table]) -> str:
    """A folder of specs is named after a medicine, a register, or a family of rules."""
    titles = {row["register"]: row["label"] for row in knowledge["k_register"].to_pylist()}
    titles |= {row["substance"]: row["label"] for row in knowledge["k_substance"].to_pylist()}
    return titles.get(folder) or folder.replace("-", " ").capitalize()


def render(medicine: str, specs: list[Spec], knowledge: Mapping[str, pa.Table]) -> str:
    """The page of a medicine: for each rule family why, the rules with source and mark, and the worked patients."""
    pack = knowledge["k_pack"].to_pylist()[0]
    parts = [
        f"# {title_of(medicine, knowledge)}: the rules, with worked patients",
        "Written from the specs in `tests/spec/` by `python -m stepwell.engine.specs --write`; "
        f"every line of every table is checked on both engines. Knowledge pack {pack['pack']} {pack['version']}. "
        "Nothing here is clinical advice, and nothing is approved for use in care until an organisation approves its pack.",
    ]
    for spec in specs:
        parts += [
            f"## {spec.title}",
            spec.why.strip(),
            _rule_table(spec, knowledge),
            f"As of {_shown(str(spec.as_of))}:",
            _people_table(spec, knowledge),
        ]
    return "\n\n".join(parts) + "\n"


def _rule_table(spec: Spec, knowledge: Mapping[str, pa.Table]) -> str:
    rules = {row["rule_id"]: row for row in knowledge["k_rule"].to_pylist()}
    lines = ["| rule | in words | source | mark |", "|---|---|---|---|"]
    for rule_id in spec.rules:
        rule = rules[rule_id]
        lines.append(f"| {rule['title']} (`{rule_id}`) | {_cell(rule['because'])} | {_cell(rule['source'])} | {rule['mark']} |")
    return "\n".join(lines)


def _people_table(spec: Spec, knowledge: Mapping[str, pa.Table]) -> str:
    reader = Reader(knowledge)
    lines = ["| person | what happened | what is owed |", "|---|---|---|"]
    for person in spec.people:
        happened = "; ".join(_happened_in_words(sentence, reader) for sentence in person.happened) + (
            f". *{person.note.strip()}*" if person.note else ""
        )
        owed = "<br>".join(reader.in_words(line) for line in person.owed) or "nothing of these"
        lines.append(f"| {person.name} | {_shown(_cell(happened))} | {_shown(_cell(owed))} |")
    return "\n".join(lines)


def _happened_in_words(sentence: str, reader: Reader) -> str:
    """A sentence with the names of tests and rules as they are shown."""
    rules = {name: row["title"] for name, row in reader.rules.items()}
    typed = sentence.startswith("typed ")
    words = [reader.tests.get(word) or rules.get(word) or word for word in sentence.removeprefix("typed ").split(" ")]
    return " ".join(words) + (" (typed into the ledger)" if typed else "")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _shown(text: str) -> str:
    """Dates as a clinician writes them: 02-Feb-2026."""

    def shown(match: re.Match[str]) -> str:
        day = date.fromisoformat(match[0])
        return f"{day.day:02}-{_MONTHS[day.month - 1]}-{day.year}"

    return _DATE.sub(shown, text)


def pages(specs: list[Spec], knowledge: Mapping[str, pa.Table]) -> dict[str, str]:
    """File name → text, one page for each medicine and one that lists them."""
    medicines = sorted({spec.medicine for spec in specs})
    found = {f"{name}.md": render(name, [spec for spec in specs if spec.medicine == name], knowledge) for name in medicines}
    listed = "\n".join(f"- [{title_of(name, knowledge)}]({name}.md)" for name in medicines)
    found["README.md"] = (
        f"# Rules, with worked patients\n\nWho owes what, when, and why, for each medicine of the pack that is complete.\n\n{listed}\n"
    )
    return found


def stale(found: Mapping[str, str], folder: Path = PAGES) -> list[str]:
    """Pages that differ from what the specs give, and pages that no spec gives any more."""
    differing = [
        name for name, text in found.items() if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]
    return differing + [path.name for path in sorted(folder.glob("*.md")) if path.name not in found]


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m stepwell.engine.specs", description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the pages of the guide")
    parser.add_argument("--specs", type=Path, default=SPECS, help="folder of the specs")
    parser.add_argument("--pages", type=Path, default=PAGES, help="folder of the pages")
    options = parser.parse_args(argv)
    from stepwell.knowledge import load as load_knowledge

    knowledge = load_knowledge().tables()
    try:
        specs = load(options.specs)
        faults = [f"{engine}: {fault}" for engine in ENGINES for fault in check(specs, knowledge, engine)]
        found = pages(specs, knowledge)
    except Refused as refusal:
        print(refusal, file=sys.stderr)
        return 2
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        return 1
    if options.write:
        options.pages.mkdir(parents=True, exist_ok=True)
        for name, text in found.items():
            (options.pages / name).write_text(text, encoding="utf-8")
        return 0
    for name in stale(found, options.pages):
        print(f"{options.pages / name} is not what the specs give: write it again with --write", file=sys.stderr)
    return 1 if stale(found, options.pages) else 0


if __name__ == "__main__":
    raise SystemExit(main())

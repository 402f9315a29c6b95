"""Makes `products.csv` and `names.csv` of a pack again: the lists and claims that the pack names, through `build`."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from stepwell.errors import Refused
from stepwell.knowledge.build import NAME_COLUMNS, PRODUCT_COLUMNS, Claim, Product, names, products
from stepwell.knowledge.pack import SECTIONS, Raw, decode, entries


def read_claims(root: Path) -> tuple[list[tuple[str, str, Path]], list[Claim]]:
    """The lists of medicines, and which rows each medicine claims."""
    if not (root / "codelists.yaml").is_file():
        raise Refused(f"{root} holds no knowledge pack: give the folder that holds pack.yaml and codelists.yaml")
    raw = Raw(root)
    for place in ("codelists.yaml", *(f"medicines/{path.name}" for path in sorted((root / "medicines").glob("*.yaml")))):
        key, kind, own = SECTIONS["codelists.yaml"] if place == "codelists.yaml" else SECTIONS["medicines"]
        for node in entries(raw, root / place, place, key):
            decode(raw, place, node, (key, kind, own))
    if raw.findings:
        raise Refused("; ".join(f"{finding.file} line {finding.line}: {finding.message}" for finding in raw.findings))
    lists = [
        (name, e.value.system, root / "codelists" / name) for name, e in raw.sections["codelists"].items() if e.value.kind == "medicine"
    ]
    claims = [
        Claim(
            m.medicine,
            tuple(m.bnf),
            tuple(m.names),
            tuple(m.ingredients or [m.medicine]),
            tuple(m.forms),
            tuple(m.not_as),
            tuple(f" {word}" for word in m.words),
        )
        for m in (e.value for e in raw.sections["medicines"].values())
    ]
    return lists, claims


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(["" if value is None else value for value in row] for row in rows)


def make(root: Path) -> tuple[list[Product], list[tuple[str, str | None, str | None]]]:
    """Product and name rows of the pack in `root`."""
    lists, claims = read_claims(root)
    rows = products(lists, claims)
    return rows, names(rows, claims)


def remake(root: Path) -> tuple[int, int]:
    """Writes both files of the pack in `root`; how many rows each has."""
    rows, name_rows = make(root)
    write(root / "products.csv", PRODUCT_COLUMNS, rows)
    write(root / "names.csv", NAME_COLUMNS, name_rows)
    return len(rows), len(name_rows)

"""`stepwell knowledge`: is a pack sound, where do its figures come from, and which products are which medicine?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def configure(parser: argparse.ArgumentParser) -> None:
    subparsers = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check = subparsers.add_parser(
        "check",
        help="check a pack and count its figures by mark",
        description="Reads a pack and tells every fault with its file, its line and what to write. Exit status 1 when there is one.",
    )
    check.add_argument("path", nargs="?", type=Path, help="folder that holds pack.yaml (default: the pack that ships with Stepwell)")
    products = subparsers.add_parser(
        "products",
        help="make products.csv and names.csv of a pack again from its code lists",
        description="Run it after a code list, or a medicine's BNF prefixes, names or forms, were changed.",
    )
    products.add_argument("path", nargs="?", type=Path, help="folder that holds pack.yaml (default: the pack that ships with Stepwell)")
    check.add_argument(
        "--json", action="store_true", help="print entries, without_source, by_mark, errors and what became of the evidence as JSON"
    )


def run(arguments: argparse.Namespace) -> int:
    from stepwell.knowledge import DATA, check_evidence
    from stepwell.knowledge.check import check, counts
    from stepwell.knowledge.pack import read
    from stepwell.knowledge.remake import remake

    if arguments.action == "products":
        products, names = remake(arguments.path or DATA)
        print(f"{products} products, {names} names")
        return 0
    raw = read(arguments.path or DATA)
    faults = check(raw)
    entries, without, by_mark = counts(raw)
    differences, tally = ([], None) if faults else check_evidence.of_pack(raw.root)
    bad = bool(faults or differences)
    if arguments.json:
        report = {
            "pack": raw.info.name if raw.info else None,
            "version": raw.info.version if raw.info else None,
            "entries": entries,
            "without_source": without,
            "by_mark": by_mark,
            "errors": [fault._asdict() for fault in faults],
            "evidence": tally._asdict() if tally else None,
            "unaccounted": [difference._asdict() for difference in differences],
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return 1 if bad else 0
    for fault in faults:
        print(f"{raw.root / fault.file}:{fault.line}: {fault.message}")
    for difference in differences:
        print(f"{raw.root / 'evidence' / difference.table}.csv: '{difference.row}': {difference.message}")
    name = f"{raw.info.name} {raw.info.version} ({raw.info.reviewed})" if raw.info else "no name"
    marks = ", ".join(f"{mark} {count}" for mark, count in by_mark.items() if count)
    print(f"{name}: {entries} entries ({marks}), {without} without a source, {len(faults)} {'fault' if len(faults) == 1 else 'faults'}")
    if tally:
        told = f"{tally.rows} rows of evidence: {tally.accounted} in the pack, {tally.left_out} left out with a reason, {tally.kept} kept"
        print(f"{told} as tables, {len(differences)} {'difference' if len(differences) == 1 else 'differences'}")
    return 1 if bad else 0

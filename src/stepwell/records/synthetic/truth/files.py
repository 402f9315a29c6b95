"""The truth as tables and files: Parquet for machines, CSV for eyes. They lie beside the records, never among them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

if TYPE_CHECKING:
    from stepwell.knowledge import Knowledge

DAY, WORD, NUMBER = pa.date32(), pa.string(), pa.int64()
SCHEMAS: dict[str, pa.Schema] = {
    "people": pa.schema({"person": NUMBER, "org_code": WORD, "local_id": WORD}),
    "courses": pa.schema(
        {
            "person": NUMBER,
            "substance": WORD,
            "course": NUMBER,
            "started_on": DAY,
            "ends_on": DAY,
            "issues": NUMBER,
            "days": NUMBER,
        }
    ),
    "owners": pa.schema({"person": NUMBER, "substance": WORD, "status": WORD, "owner_org": WORD}),
    "due": pa.schema({"person": NUMBER, "rule_id": WORD, "subject": WORD, "point": WORD, "state": WORD, "due_on": DAY, "owner_org": WORD}),
    "agreements": pa.schema(
        {
            "person": NUMBER,
            "agreement_id": WORD,
            "substance": WORD,
            "line": WORD,
            "owner_org": WORD,
            "from_on": DAY,
            "to_on": DAY,
        }
    ),
    "taken": pa.schema(
        {
            "person": NUMBER,
            "course": NUMBER,
            "substance": WORD,
            "from_on": DAY,
            "to_on": DAY,
            "ug_per_day": NUMBER,
            "as_required": pa.bool_(),
            "acute": pa.bool_(),
        }
    ),
}
"""people: whose each record is. courses: by the stated definitions; `ends_on` the first day not covered, `days` with something in
the cupboard. owners: of each medicine on register. due: of every rule. agreements, taken: what really was."""


@dataclass(frozen=True)
class Truth:
    """Tables of `SCHEMAS`, about everybody of a network on one day."""

    tables: dict[str, pa.Table]


def write(truth: Truth, folder: Path) -> dict[str, int]:
    """Write each table as Parquet and CSV into `folder` (made when missing). Gives table → rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, table in truth.tables.items():
        pyarrow.parquet.write_table(table, folder / f"{name}.parquet")
        pyarrow.csv.write_csv(table, folder / f"{name}.csv")
    return {name: table.num_rows for name, table in truth.tables.items()}


def write_network(
    patients: int, seed: int, as_of: date, folder: Path, knowledge: Knowledge, *, practices: int | None = None
) -> dict[str, int]:
    """Make the people of a network again, walk their days and write the truth into `folder`. Gives table → rows."""
    from stepwell.records.synthetic.population import make_practice
    from stepwell.records.synthetic.truth.simulate import Simulation
    from stepwell.records.synthetic.world import make_world

    world = make_world(patients, seed, practices=practices)
    simulation = Simulation(knowledge, as_of)
    for place in world.places:
        simulation.add(make_practice(world, seed, place, as_of))
    return write(simulation.truth(), folder)

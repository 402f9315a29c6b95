"""What an evaluation reads, when everything is in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from stepwell.knowledge.tables import TABLES as KNOWLEDGE
from stepwell.records.schema import TABLES as RECORDS
from stepwell.records.schema import WORKFLOW

_SCHEMAS = {**RECORDS, **WORKFLOW, **KNOWLEDGE}


@dataclass(frozen=True)
class Inputs:
    """Canonical tables (with `links`), workflow tables and knowledge tables, by name. A table that is not given is empty."""

    records: Mapping[str, pa.Table] = field(default_factory=dict)
    workflow: Mapping[str, pa.Table] = field(default_factory=dict)
    knowledge: Mapping[str, pa.Table] = field(default_factory=dict)

    def table(self, name: str) -> pa.Table:
        """The table of that name, with the columns of its schema in order; empty when it was not given."""
        schema = _SCHEMAS[name].arrow_schema()
        for tables in (self.records, self.workflow, self.knowledge):
            if name in tables:
                rows = tables[name]
                return rows if rows.schema.equals(schema) else rows.select(schema.names).cast(schema)
        return schema.empty_table()

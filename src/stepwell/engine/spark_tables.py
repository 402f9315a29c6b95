"""Where the tables of one Spark run are kept between stages: in memory when there is little, in Parquet when there is much.

Either way a later stage sees a finished table, not the stages that made it: plans stay as small as one stage.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from stepwell.tables import Table

_TYPES = {
    "BIGINT": "BIGINT",
    "INTEGER": "INT",
    "VARCHAR": "STRING",
    "DATE": "DATE",
    "BOOLEAN": "BOOLEAN",
    "TIMESTAMP": "TIMESTAMP_NTZ",
}
# Bytes of input for one partition of a shuffle.
PARTITION_BYTES = 8_000_000
# One partition and no generated code: for a few megabytes, dividing and compiling cost more than they save.
FOR_LITTLE = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.maxSinglePartitionBytes": str(2**62),
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    # Spark 4.3 fails to carry constraints across some unions of checkpointed tables.
    "spark.sql.constraintPropagation.enabled": "false",
}
# A store has some hundred files a table: listing them needs no job of its own.
FOR_MUCH = {"spark.sql.sources.parallelPartitionDiscovery.threshold": "100000"}


class Tables(Protocol):
    """The tables of a run by name, each a view that stages read."""

    def give(self, table: Table, rows: pa.Table) -> None:
        """An input that is in memory."""

    def give_files(self, table: Table, paths: list[str]) -> None:
        """An input that lies in Parquet files."""

    def keep(self, name: str, rows: DataFrame) -> None:
        """Compute the rows and have them as this name from now on; a table of that name may be read to compute them."""

    def drop(self, name: str) -> None:
        """No later stage reads it."""

    def read(self, name: str, columns: list[str]) -> pa.Table:
        """A kept table's columns."""

    def close(self) -> None:
        """Forget everything."""


class _Views:
    def __init__(self, spark: SparkSession, settings: Mapping[str, str]) -> None:
        self.spark = spark
        self.names: set[str] = set()
        for key, value in settings.items():
            spark.conf.set(key, value)

    def _view(self, name: str, rows: DataFrame) -> None:
        rows.createOrReplaceTempView(name)
        self.names.add(name)

    def _drop_view(self, name: str) -> None:
        self.spark.catalog.dropTempView(name)
        self.names.discard(name)

    def close(self) -> None:
        for name in list(self.names):
            self._drop_view(name)


class InMemory(_Views):
    """One partition, checkpointed after each stage."""

    def __init__(self, spark: SparkSession) -> None:
        super().__init__(spark, FOR_LITTLE)

    def give(self, table: Table, rows: pa.Table) -> None:
        self._view(table.name, self.spark.createDataFrame(rows, schema_of(table)).coalesce(1))

    def give_files(self, table: Table, paths: list[str]) -> None:
        self.give(table, pa.concat_tables(pq.read_table(path, columns=list(table.names)) for path in paths))

    def keep(self, name: str, rows: DataFrame) -> None:
        self._view(name, rows.localCheckpoint(eager=True))

    def drop(self, name: str) -> None:
        self._drop_view(name)

    def read(self, name: str, columns: list[str]) -> pa.Table:
        return self.spark.table(name).select(*columns).toArrow()


class OnDisk(_Views):
    """Parquet in a folder of this run: bounded memory, and joins planned by sizes that are known."""

    def __init__(self, spark: SparkSession, input_bytes: int) -> None:
        partitions = max(spark.sparkContext.defaultParallelism, input_bytes // PARTITION_BYTES)
        super().__init__(spark, {**FOR_MUCH, "spark.sql.shuffle.partitions": str(partitions)})
        self.folder = Path(tempfile.mkdtemp(prefix="stepwell-stages-"))
        self.kept: dict[str, Path] = {}
        self.made = 0

    def give(self, table: Table, rows: pa.Table) -> None:
        path = self.folder / f"{table.name}.parquet"
        pq.write_table(rows, path)
        self.give_files(table, [path.as_uri()])

    def give_files(self, table: Table, paths: list[str]) -> None:
        self._view(table.name, self.spark.read.schema(schema_of(table)).parquet(*paths))

    def keep(self, name: str, rows: DataFrame) -> None:
        path = self.folder / f"{name}.{self.made}"
        self.made += 1
        rows.write.parquet(path.as_uri())
        self._view(name, self.spark.read.schema(rows.schema).parquet(path.as_uri()))
        before, self.kept[name] = self.kept.get(name), path
        if before is not None:
            shutil.rmtree(before)

    def drop(self, name: str) -> None:
        self._drop_view(name)
        shutil.rmtree(self.kept.pop(name))

    def read(self, name: str, columns: list[str]) -> pa.Table:
        return pq.read_table(self.kept[name], columns=columns)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.folder, ignore_errors=True)


def schema_of(table: Table) -> str:
    """The columns as Spark writes them."""
    return ", ".join(f"`{column.name}` {_TYPES[column.type]}" for column in table.columns)

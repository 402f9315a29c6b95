"""What rows of an extract take from other rows: problems from their entry, plans from their problem, issues from their plan.

What is not in the input is looked up in the store.
"""

from __future__ import annotations

from stepwell.records.importers.extracts.session import Session, quoted
from stepwell.records.schema import TABLES
from stepwell.records.store import Store

_PLAN = "dose_text, dose_status, dose_low_milli, dose_high_milli, dose_unit, as_required, quantity_milli, quantity_unit, days_supply"


_SPEAKING = """
SELECT ObservationGuid AS native_id FROM raw_CareRecord_Problem UNION
SELECT ObservationGuid FROM raw_CareRecord_ObservationReferral UNION
SELECT IDCode FROM raw_SRProblem
"""
_TAKEN = "_fault IS NULL AND NOT _gone"


class Joins:
    """`held`: the sources whose rows are at hand."""

    def __init__(self, session: Session, store: Store, held: set[str]) -> None:
        self._session, self._db, self._store, self._held = session, session.db, store, held
        for table in ("entries", "told", "planned"):
            self._db.execute(f"DROP TABLE IF EXISTS {table}")

    def stored(self, table: str) -> str:
        """A query for what the store holds of these sources."""
        parts = [
            str(self._store.path / part.file) for part in self._store.manifest.parts if part.table == table and part.source in self._held
        ]
        if parts:
            return f"SELECT * FROM read_parquet([{', '.join(map(quoted, parts))}])"
        self._session.put(f"none_{table}", TABLES[table].arrow_schema().empty_table())
        return f"SELECT * FROM none_{table}"

    def entries(self) -> None:
        """`entries`: observations that problems and referrals speak of. `here`: they come with this input."""
        # Problems of the store whose observation comes again are renewed with it.
        self._db.execute(f"CREATE OR REPLACE TABLE asked AS {_SPEAKING} UNION SELECT native_id FROM ({self.stored('conditions')})")
        self._db.execute(
            """
            CREATE OR REPLACE TABLE entries AS
            WITH found AS MATERIALIZED (
              SELECT source, native_id, org_code, code, code_system, term, effective_on, _recorded_on AS recorded_on, true AS here, _row
              FROM m_observations SEMI JOIN asked USING (native_id)
              WHERE _fault IS NULL AND NOT _gone AND NOT _withheld
            )
            SELECT * EXCLUDE (_row) FROM found QUALIFY row_number() OVER (PARTITION BY source, native_id ORDER BY _row DESC) = 1
            """
        )
        self._db.execute(
            f"""
            INSERT INTO entries BY NAME
            WITH named AS (SELECT DISTINCT native_id FROM ({_SPEAKING})),
            old AS (SELECT o.* FROM ({self.stored("observations")}) AS o SEMI JOIN named USING (native_id)),
            again AS (SELECT source, native_id FROM m_observations AS m SEMI JOIN old USING (native_id) WHERE _fault IS NULL)
            SELECT source, native_id, org_code, code, code_system, term, effective_on, CAST(NULL AS DATE) AS recorded_on, false AS here
            FROM old ANTI JOIN again USING (source, native_id)
            """
        )

    def renewed(self) -> None:
        """Add EMIS problems of the store whose observation changed in this input, when the problem itself did not come."""
        self._db.execute(
            "INSERT INTO m_conditions BY NAME SELECT c.* REPLACE (e.code AS code, e.code_system AS code_system, e.term AS term, "
            "e.effective_on AS onset_on, coalesce(e.recorded_on, c.recorded_on) AS recorded_on), '(renewed)' AS _kind, -1 AS _row, "
            "c.native_id AS _key, false AS _gone, false AS _withheld, CAST(NULL AS VARCHAR) AS _fault "
            f"FROM ({self.stored('conditions')}) AS c JOIN entries AS e ON e.here AND e.native_id = c.native_id AND e.source = c.source "
            "WHERE NOT EXISTS (FROM m_conditions AS m WHERE m.native_id = c.native_id AND m.source = c.source)"
        )

    def tell_conditions(self) -> None:
        self._db.execute(
            f"CREATE OR REPLACE TABLE told AS SELECT source, native_id, code, code_system, term FROM m_conditions WHERE {_TAKEN}"
        )

    def tell_plans(self) -> None:
        self._db.execute(f"CREATE OR REPLACE TABLE planned AS SELECT source, native_id, {_PLAN} FROM m_medication_plans WHERE {_TAKEN}")

    def reasons(self) -> None:
        """`reasons`: problems that plans are for."""
        old = f"SELECT source, native_id, code, code_system, term FROM ({self.stored('conditions')}) AS c"
        self._db.execute(f"CREATE OR REPLACE TABLE reasons AS {self._first('told', 'c', old)}")

    def from_plan(self) -> None:
        """What an issue leaves unsaid of dose, quantity and days is that of its plan, as in `importers.merge`."""
        wanting = "plan_id IS NOT NULL AND (dose_status = 'none' OR quantity_milli IS NULL OR days_supply IS NULL)"
        if not self._session.one(f"SELECT count(*) FROM m_medication_issues WHERE {wanting}"):
            return
        old = f"SELECT source, native_id, {_PLAN} FROM ({self.stored('medication_plans')}) AS p"
        self._db.execute(f"CREATE OR REPLACE TABLE plans AS {self._first('planned', 'p', old)}")
        for sets, when in (
            (
                "dose_text = p.dose_text, dose_status = p.dose_status, dose_low_milli = p.dose_low_milli, "
                "dose_high_milli = p.dose_high_milli, dose_unit = p.dose_unit, as_required = p.as_required",
                "i.dose_text IS NULL AND i.dose_status = 'none' AND p.dose_status <> 'none'",
            ),
            (
                # The plan's days go with the plan's quantity: half the tablets do not last as long.
                "days_supply = p.days_supply",
                "i.days_supply IS NULL AND p.days_supply IS NOT NULL AND (i.quantity_milli IS NULL OR i.quantity_milli = p.quantity_milli)",
            ),
            (
                "quantity_milli = p.quantity_milli, quantity_unit = p.quantity_unit",
                "i.quantity_milli IS NULL AND p.quantity_milli IS NOT NULL",
            ),
        ):
            self._db.execute(
                f"UPDATE m_medication_issues AS i SET {sets} FROM plans AS p "
                f"WHERE p.native_id = i.plan_id AND p.source = i.source AND {when}"
            )

    def _first(self, new: str, alias: str, old: str) -> str:
        """Rows of this input (the table `new`, if there is one), then those of the store that do not come again."""
        if not self._session.one(f"SELECT count(*) FROM duckdb_tables() WHERE table_name = {quoted(new)}"):
            return old
        again = f"FROM {new} AS n WHERE n.native_id = {alias}.native_id AND n.source = {alias}.source"
        return f"FROM {new} UNION ALL {old} WHERE NOT EXISTS ({again})"

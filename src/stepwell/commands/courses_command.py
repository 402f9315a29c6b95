"""`stepwell courses`: treatment episodes from a file of issues, each decision named. The arithmetic is `engine.episodes`."""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from math import isfinite
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from stepwell.errors import Refused

if TYPE_CHECKING:
    import duckdb

    from stepwell.engine.episodes import Decisions, SameDay

COLUMNS = ("patient", "medicine", "date", "days")
DOSE = "dose"
# Beyond these a figure is a slip of the pen, and stock would leave 64 bits.
MOST_DAYS, MOST_DOSE = 36_525, 1_000_000
FAULTS_SHOWN = 5

EXPLAINED = """
in: CSV in UTF-8 with a header that names patient, medicine, date (YYYY-MM-DD), days (supply, whole, at least 1) and dose (a day, in any one
unit per medicine; empty when not known); other columns are left alone. One course per patient and medicine as written: give substances to
count by substance, a class to count by class.

out: one row per course, in order of patient, medicine and date.
  course    1, 2 ... for the patient and medicine
  start     date of its first issue
  end       day on which its supply ran out (first day not wholly covered); of a censored course the last day known (--until)
  days      end - start: what the course spans, gaps of up to --gap days within it included
  gap       days without supply after it: up to the next course, or for the last one up to --until (within the course when it is censored)
  censored  true for a last course of which --gap days without supply have not fully elapsed: it may go on

These follow compute.treatment.episodes of AdhereR (episode.start, episode.end, episode.duration, end.episode.gap.days) with
carryover.within.obs.window and carry.only.for.same.medication true, follow-up to --until; maximum.permissible.gap is --gap,
consider.dosage.change is --dose-aware. AdhereR has no cap (--carry-cap none) and takes issues of one day one after the other
(--same-day stack).
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXPLAINED
    parser.add_argument("--in", dest="source", required=True, type=Path, metavar="FILE", help="issues as CSV")
    parser.add_argument("--out", dest="target", required=True, type=Path, metavar="FILE", help="courses as CSV; replaced when it is there")
    parser.add_argument(
        "--gap", metavar="DAYS", help="a new course begins after more than so many days without supply (default: the knowledge base's)"
    )
    parser.add_argument(
        "--carry-cap",
        metavar="DAYS|none",
        help="most days of early issues carried forward, at the next issue's dose; none: all (default: the knowledge base's)",
    )
    parser.add_argument(
        "--same-day",
        choices=("regimen", "stack"),
        default="regimen",
        help="issues of a medicine on one day: regimen, parts of one dose: add doses, days = the longest (default); "
        "stack, taken one after the other: add days",
    )
    parser.add_argument(
        "--dose-aware",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="what is left over lasts longer or shorter at another dose (default); an unknown dose is that of the issue before",
    )
    parser.add_argument("--until", metavar="DATE", help="last day known; later issues are left out (default: the last date in the file)")
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")


def run(arguments: argparse.Namespace) -> int:
    begun = perf_counter()
    gap, cap = limits(arguments.gap, arguments.carry_cap)
    until = day(arguments.until, "--until") if arguments.until else None
    source, target = arguments.source, arguments.target
    if target.exists() and source.exists() and target.samefile(source):
        raise Refused(f"--out {target} is the file that --in reads: choose another")
    report = courses(source, target, Chosen(gap, cap, arguments.same_day, arguments.dose_aware, until))
    report["seconds"] = round(perf_counter() - begun, 3)
    print(json.dumps(report, indent=2) if arguments.json else in_words(report, target))
    return 0


@dataclass(frozen=True, slots=True)
class Chosen:
    """The decisions as asked for; without `until` the last date of the file stands for it."""

    gap_days: int
    carry_cap_days: int | None
    same_day: SameDay
    dose_aware: bool
    until: date | None


def day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{option} {text}: write the date as YYYY-MM-DD, for example 2026-06-01") from error


def limits(gap: str | None, cap: str | None) -> tuple[int, int | None]:
    """Days of the gap and of the cap (None: no cap): as given, otherwise as the knowledge base has them."""

    def whole(text: str, option: str, also: str = "") -> int:
        if not (text.isascii() and text.isdigit() and int(text) <= MOST_DAYS):
            raise Refused(f"{option} {text}: give whole days, 0 to {MOST_DAYS}{also}")
        return int(text)

    def known(name: str) -> int:
        from stepwell import knowledge

        parameters = knowledge.load().tables()["k_param"].to_pylist()
        return next(int(row["value"]) for row in parameters if row["name"] == name)

    gap_days = whole(gap, "--gap") if gap is not None else known("stop_gap_days")
    if cap == "none":
        return gap_days, None
    return gap_days, whole(cap, "--carry-cap", ", or none") if cap is not None else known("carry_cap_days")


def courses(source: Path, target: Path, chosen: Chosen) -> dict[str, Any]:
    """Read issues, write courses, give the summary without its seconds. Errors: Refused, naming the line; `target` is then as it was."""
    import duckdb

    from stepwell.engine import episodes

    names = header(source, chosen.dose_aware)
    with contextlib.closing(duckdb.connect()) as connection:
        try:
            counts = load(connection, source, names, chosen)
            decisions = episodes.Decisions(
                chosen.gap_days, chosen.carry_cap_days, chosen.same_day, chosen.dose_aware, chosen.until or counts["until"]
            )
            episodes.compute(connection, decisions)
            written = write(connection, target, chosen.dose_aware)
        except duckdb.OutOfMemoryException as error:
            raise Refused(f"{source}: not enough memory; split the file by patient and run each part") from error
        except duckdb.OutOfRangeException as error:
            raise Refused(f"{source}: days × dose of one patient and medicine are beyond counting; check days and dose") from error
    return {
        "in": str(source),
        "out": str(target),
        "rows": counts["rows"],
        "rows_after_until": counts["after"],
        "doses_not_known": counts["unknown_doses"] if chosen.dose_aware else None,
        "people": counts["people"],
        **written,
        "decisions": shown(decisions),
    }


def shown(decisions: Decisions) -> dict[str, Any]:
    return {
        "gap_days": decisions.gap_days,
        "carry_cap_days": decisions.carry_cap_days,
        "same_day": decisions.same_day,
        "dose_aware": decisions.dose_aware,
        "until": decisions.until.isoformat(),
    }


def header(source: Path, dose_aware: bool) -> list[str]:
    """The columns of the file, in order, in lower case."""
    try:
        first = next(csv.reader(_lines(source)), None)
    except _NotText as error:
        raise Refused(f"{source} line {error.line}: {error}. Nothing was written") from error
    except OSError as error:
        raise Refused(f"--in {source}: cannot be read: {error.strerror}") from error
    except csv.Error as error:
        raise Refused(f"{source} line 1: {error}: give a CSV file with commas") from error
    wanted = ", ".join((*COLUMNS, DOSE))
    if not first:
        raise Refused(f"{source}: empty; the first line must name the columns {wanted}")
    names = [name.strip().lower() for name in first]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise Refused(f"{source} line 1: no column {' and '.join(missing)}: it has {', '.join(first)}; wanted are {wanted}, commas between")
    if dose_aware and DOSE not in names:
        raise Refused(f"{source} line 1: no column {DOSE}: add it (empty when not known), or count without doses: --no-dose-aware")
    twice = {name for name in (*COLUMNS, DOSE) if names.count(name) > 1}
    if twice:
        raise Refused(f"{source} line 1: column {', '.join(sorted(twice))} is there twice: keep one")
    return names


def load(connection: duckdb.DuckDBPyConnection, source: Path, names: list[str], chosen: Chosen) -> dict[str, Any]:
    """Make the tables `issues` (as `episodes.compute` takes them) and `people_medicines` (chain, patient, medicine)."""
    import duckdb

    from stepwell.engine.episodes import DOSE_DECIMALS

    kinds = {"date": "DATE", "days": "DOUBLE", DOSE: "DOUBLE" if chosen.dose_aware else "VARCHAR"}
    columns = {f"c{place}": kinds.get(name, "VARCHAR") for place, name in enumerate(names)}
    patient, medicine, on_date, days = (f"c{names.index(name)}" for name in COLUMNS)
    bad_dose, dose = "", "CAST(1 AS BIGINT)"
    if chosen.dose_aware:
        given = f"c{names.index(DOSE)}"
        bad_dose = f"OR {given} < 0 OR {given} > {MOST_DOSE} OR isnan({given})"
        dose = f"CASE WHEN {given} > 0 THEN CAST(round({given} * {10**DOSE_DECIMALS}) AS BIGINT) END"
    # The order of the file matters only where rows of a day are stacked.
    ordered = chosen.same_day == "stack"
    connection.execute(f"SET preserve_insertion_order = {'true' if ordered else 'false'}")
    try:
        connection.execute(
            f"""
            CREATE TEMP TABLE read_rows AS
            SELECT
              {patient} AS patient, {medicine} AS medicine, {on_date} AS on_date, {days} AS days, {dose} AS dose,
              {"row_number() OVER ()" if ordered else "0"} AS place,
              {days} IS NULL OR {days} < 1 OR {days} > {MOST_DAYS} OR isnan({days}) OR {days} <> floor({days}) {bad_dose}
                OR {patient} IS NULL OR trim({patient}) = '' OR {medicine} IS NULL OR trim({medicine}) = '' OR {on_date} IS NULL AS faulty
            FROM read_csv(?, auto_detect = false, header = true, delim = ',', quote = '"', escape = '"', columns = {columns!r},
              dateformat = '%Y-%m-%d', nullstr = '', strict_mode = true, null_padding = false, max_line_size = 2097152)
            """,
            [str(source)],
        )
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        raise explained(source, names, chosen.dose_aware) or Refused(
            f"{source}: cannot be read as CSV: {str(error).splitlines()[0]}"
        ) from error
    sums = "count(*), count(*) FILTER (faulty), count(*) - count(dose), count(DISTINCT patient), max(on_date)"
    rows, faulty, unknown, people, last = connection.execute(f"SELECT {sums} FROM read_rows").fetchone() or (0, 0, 0, 0, None)
    if faulty:
        raise explained(source, names, chosen.dose_aware) or Refused(f"{source}: {faulty} rows have a value that cannot be")
    if not rows:
        raise Refused(f"{source}: a header and no rows; nothing to count")
    until = chosen.until or last
    kept = f"on_date <= DATE '{until.isoformat()}'"
    connection.execute(
        f"""
        CREATE TEMP TABLE people_medicines AS
        SELECT row_number() OVER (ORDER BY patient, medicine) AS chain, patient, medicine
        FROM (SELECT DISTINCT patient, medicine FROM read_rows WHERE {kept})
        """
    )
    connection.execute(
        f"""
        CREATE TEMP TABLE issues AS
        SELECT p.chain, r.on_date, CAST(r.days AS BIGINT) AS days, r.dose, r.place
        FROM read_rows AS r JOIN people_medicines AS p ON p.patient = r.patient AND p.medicine = r.medicine
        WHERE {kept}
        """
    )
    connection.execute("DROP TABLE read_rows")
    taken = (connection.execute("SELECT count(*) FROM issues").fetchone() or (0,))[0]
    if not taken:
        raise Refused(f"{source}: no issue on or before {until}: the first --until that counts anything is later")
    return {"rows": rows, "after": rows - taken, "unknown_doses": unknown, "people": people, "until": until}


def explained(source: Path, names: list[str], dose_aware: bool) -> Refused | None:
    """The first faults of a file that cannot be used, by line; read slowly, once it is known to be bad."""
    found: list[str] = []
    more = 0
    for line, message in faults(source, names, dose_aware):
        if len(found) < FAULTS_SHOWN:
            found.append(f"{source} line {line}: {message}")
        else:
            more += 1
    if not found:
        return None
    rest = [f"and {more} more such lines"] if more else []
    return Refused("; ".join([*found, *rest]) + ". Nothing was written")


def faults(source: Path, names: list[str], dose_aware: bool) -> Iterator[tuple[int, str]]:
    """(line, what is wrong and what to do), in order of lines."""
    reader = csv.reader(_lines(source), strict=True)
    try:
        next(reader, None)
        begins = reader.line_num + 1
        for row in reader:
            if row:
                if len(row) != len(names):
                    yield begins, f"{len(row)} values under {len(names)} columns: quote values that hold a comma"
                else:
                    for message in row_faults(dict(zip(names, row, strict=True)), dose_aware):
                        yield begins, message
            begins = reader.line_num + 1
    except _NotText as error:
        yield error.line, str(error)
    except csv.Error as error:
        yield reader.line_num, f"{error}: check the quotes"


class _NotText(Exception):
    def __init__(self, line: int, byte: int) -> None:
        super().__init__(f"not in UTF-8 (byte 0x{byte:02x}): save the file as CSV in UTF-8")
        self.line = line


def _lines(source: Path) -> Iterator[str]:
    with open(source, "rb") as handle:
        for number, raw in enumerate(handle, 1):
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise _NotText(number, raw[error.start]) from error


def row_faults(row: dict[str, str], dose_aware: bool) -> Iterator[str]:
    """What a row may not hold. Values are shown only where they cannot name a person."""
    for name in ("patient", "medicine"):
        if not row[name].strip():
            yield f"{name} is empty: every issue needs one"
    if not _is_day(row["date"]):
        yield f"date {row['date']!r} is not a date: write YYYY-MM-DD (other orders, as 03/04/2025, are not guessed at)"
    days = _number(row["days"])
    if days is None:
        yield f"days {row['days']!r} is not a number: give the days of supply (not known is not 0: quantity ÷ daily dose, or a usual issue)"
    elif not 1 <= days <= MOST_DAYS or days != int(days):
        yield f"days {row['days']}: give whole days of supply, 1 to {MOST_DAYS}"
    if dose_aware and row[DOSE].strip():
        dose = _number(row[DOSE])
        if dose is None:
            yield f"dose {row[DOSE]!r} is not a number: give the dose a day, leave it empty when it is not known, or use --no-dose-aware"
        elif not 0 <= dose <= MOST_DOSE:
            yield f"dose {row[DOSE]}: give the dose a day, 0 to {MOST_DOSE}"


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text.strip())
    except ValueError:
        return False
    return len(text.strip()) == len("2026-06-01")


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def write(connection: duckdb.DuckDBPyConnection, target: Path, dose_aware: bool) -> dict[str, int]:
    """The courses as CSV, beside the target and then in its place."""
    import duckdb

    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    # A part of a day only where a changed dose leaves one.
    gap = "CASE WHEN c.gap = floor(c.gap) THEN CAST(CAST(c.gap AS BIGINT) AS VARCHAR) ELSE CAST(round(c.gap, 4) AS VARCHAR) END"
    try:
        connection.execute(
            f"""
            COPY (
              SELECT p.patient, p.medicine, c.course, c.start_on AS "start", c.end_on AS "end",
                date_diff('day', c.start_on, c.end_on) AS days, {gap if dose_aware else "CAST(c.gap AS BIGINT)"} AS gap, c.censored
              FROM courses AS c JOIN people_medicines AS p ON p.chain = c.chain
              ORDER BY c.chain, c.course
            ) TO '{str(part).replace("'", "''")}' (FORMAT csv, HEADER true)
            """
        )
        part.replace(target)
    except (duckdb.IOException, OSError) as error:
        raise Refused(f"--out {target}: cannot be written: {str(error).splitlines()[0]}") from error
    finally:
        part.unlink(missing_ok=True)
    total, censored = connection.execute("SELECT count(*), count(*) FILTER (censored) FROM courses").fetchone() or (0, 0)
    return {"courses": total, "censored": censored}


def in_words(report: dict[str, Any], target: Path) -> str:
    by = report["decisions"]
    cap = "no cap on carry-over" if by["carry_cap_days"] is None else f"at most {by['carry_cap_days']} days carried over"
    late = f" ({report['rows_after_until']:,} after {by['until']} left out)" if report["rows_after_until"] else ""
    return (
        f"{report['rows']:,} issues{late} of {report['people']:,} people: {report['courses']:,} courses, "
        f"{report['censored']:,} censored at {by['until']}, in {report['seconds']:.1f} s\n"
        f"gap over {by['gap_days']} days, {cap}, same day: {by['same_day']}, dose {'counts' if by['dose_aware'] else 'does not count'}\n"
        f"written to {target}"
    )

"""What is wrong with a row of an extract, in words."""

from __future__ import annotations

from datetime import date

from stepwell.records.importers.values import Fault

_DAYS = {"emis": "YYYY-MM-DD", "tpp": "DD Mon YYYY"}
_CODES = {"emis": "coding tables (Coding_ClinicalCode, Coding_DrugCode)", "tpp": "coding tables"}


def fault(code: str, value: str | None, dialect: str, today: date, refused: str | None = None) -> Fault:
    """`code` is `reason|column` as the mappings give it, `value` what stands in that column."""
    reason, _, column = code.partition("|")
    said = repr((value or "")[:40])
    words = {
        "no id": f"The row has no {column}. Export the table again.",
        "names no patient": f"The row names no patient in {column}. Correct it at the source.",
        "unknown patient": f"The patient in {column} is neither in this input nor in the store. Import the table of patients too.",
        "its patient was refused": refused or "The row of its patient was refused. Correct that one first.",
        "held by another organisation": refused or "",
        "organisation unknown": refused or "",
        "no code": f"The row has no code in {column}. Correct it at the source.",
        "unknown code": f"Code {said} of {column} is neither in this input nor in the store. Import the {_CODES[dialect]} too.",
        "names no medicine": f"Neither a name nor a code of a medicine is given ({column}). Correct it at the source.",
        "unknown observation": f"The entry in {column} is neither in this input nor in the store, or was refused. Import it too.",
        "not a date": f"{said} is not a date ({_DAYS[dialect]}). Correct it at the source and import again.",
        "dated in the future": f"{said} is after the day of this import ({today}). Correct the date at the source.",
        "not a number": f"{said} is not a number that can be kept. Correct it at the source.",
    }
    return Fault(reason, words[reason], f"$.{column}")

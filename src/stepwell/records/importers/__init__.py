"""Readers of other systems' records: FHIR R4, GP Connect Structured (STU3), EMIS and TPP extracts. `run_import` is the way in."""

from stepwell.records.importers.run import run_import

__all__ = ["run_import"]

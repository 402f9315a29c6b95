"""Readers of other systems' records: FHIR R4 and GP Connect Structured (STU3). `run_import` is the way in."""

from stepwell.records.importers.run import run_import

__all__ = ["run_import"]

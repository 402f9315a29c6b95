"""Writers of the import formats: canonical tables of one organisation → a folder that `stepwell import` reads back.

`fhir` (R4, UK Core), `gpconnect` (Structured, STU3), `emis` and `tpp` (CSV extracts) each have
`write(folder, org_code, tables) -> {file: rows}`; the CSV ones also `write_delta`. What each format can carry is told column by
column in `stepwell.records.synthetic.writers.carried`.
"""

from __future__ import annotations

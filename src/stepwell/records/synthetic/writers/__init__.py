"""Writers of the import formats: canonical tables of one organisation → a folder that `stepwell import` reads back.

`fhir` (R4, UK Core), `gpconnect` (Structured, STU3), `emis` and `tpp` (CSV extracts) each have
`write(folder, org_code, tables) -> {file: rows}`; the CSV ones also `write_delta` and older headers. Only FHIR takes a trust.

What comes back (whole: every column; a dash: nothing). The reason of each loss, and the exact rows an import gives, are in
`stepwell.records.synthetic.writers.carried`; tests hold all four formats to it.

=================  =====================  ===============================  ===============================  ===============================
table              fhir                   gpconnect                        emis                             tpp
=================  =====================  ===============================  ===============================  ===============================
patients           whole                  but gp_org_code                  but gp_org_code, language,       but gp_org_code, language,
                                                                           interpreter                      interpreter
registrations      whole                  the latest                       the latest                       whole
medication_plans   whole                  dose as words; not who           dose as words; not days, review, repeats and what others supply;
                                          prescribes elsewhere, intended   asserted, intended end, stop     dose as words; not reason, stop
                                          end                              reason, group; reason only from  reason, group; the end while it
                                                                           the problem list                 lies ahead
medication_issues  whole                  dose as words                    dose as words; the practice's    dose as words; the practice's
                                                                           own, status completed            own, status completed, no plan
                                                                                                            of an acute
observations       whole                  whole, and one for each problem  but status; one for each         but status, range, precision;
                                                                           problem and referral             SNOMED CT and CTV3; one for
                                                                                                            each problem
conditions         but org_code           but org_code                     active or resolved; true ones    active or resolved by its end
contacts           but term               but term                         but term, org_code               but term, code
appointments       whole                  -                                but cancelled ones               whole
requests           rejected is cancelled  rejected is cancelled            active or completed              status unknown
letters            whole                  whole                            -                                but code
stays              whole                  -                                -                                -
=================  =====================  ===============================  ===============================  ===============================

Rows whose state a format has no word for, and which without it would be taken for facts (cancelled, entered in error), are left out.
"""

from __future__ import annotations

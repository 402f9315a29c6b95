-- import_fhir: the main fields of every resource of NDJSON files as one Parquet table
-- leaves out: everything an import is: profiles and validation, dose and product reading, references, people, versions and merging, the original kept, the store's layout
COPY (
  SELECT
    json->>'$.resourceType' AS resource_type,
    json->>'$.id' AS id,
    coalesce(json->>'$.subject.reference', json->>'$.patient.reference') AS patient,
    coalesce(json->>'$.code.coding[0].code', json->>'$.medicationCodeableConcept.coding[0].code', json->>'$.medicationReference.reference') AS code,
    coalesce(json->>'$.code.coding[0].display', json->>'$.medicationCodeableConcept.coding[0].display') AS term,
    TRY_CAST(left(coalesce(json->>'$.effectiveDateTime', json->>'$.authoredOn', json->>'$.dateAsserted', json->>'$.onsetDateTime'), 10) AS DATE) AS on_date,
    TRY_CAST(json->>'$.valueQuantity.value' AS DOUBLE) AS value,
    json->>'$.valueQuantity.unit' AS unit,
    coalesce(json->>'$.dosageInstruction[0].text', json->>'$.dosage[0].text') AS dose_text,
    json->>'$.status' AS status
  FROM read_ndjson_objects($files, maximum_object_size = 67108864)
) TO '$answer' (FORMAT parquet)

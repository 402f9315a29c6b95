"""GP system extracts in CSV: EMIS Web bulk extracts and TPP SystmOne strategic reporting extracts.

Set-based: files are read, mapped and merged in DuckDB; Python sees distinct texts (dose instructions, product names, quantities)
and the rows that fail. Tables are told by their header, never by file name or version. `dialects.toml` says which columns of
which table are read, `sql/` what they mean, `data/headers.json` which headers are known.
"""

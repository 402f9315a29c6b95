-- import_csv: one file of an extract as Parquet, every value as text
-- leaves out: everything an import is: which table it is, codes, dates, doses and products, people, deletions and merging, rejects, the store's layout
COPY (SELECT * FROM read_csv('$file', all_varchar = true, header = true, delim = ',', quote = '"', escape = '"')) TO '$answer' (FORMAT parquet)

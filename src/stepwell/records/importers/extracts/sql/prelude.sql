-- Words that every mapping uses. `getvariable('today')` is the day of the import.

CREATE MACRO yes(t) AS coalesce(lower(t) IN ('true', '1', 'y', 'yes'), false);

-- Days. EMIS writes YYYY-MM-DD (its test packs DD/MM/YYYY), TPP DD Mon YYYY with a time after it.
CREATE MACRO emis_day(t) AS
  CASE WHEN t[5:5] = '-' THEN try_cast(t AS DATE) ELSE CAST(try_strptime(t, '%d/%m/%Y') AS DATE) END;
CREATE MACRO tpp_day(t) AS
  CASE WHEN t[5:5] = '-' THEN try_cast(t[1:10] AS DATE) ELSE CAST(try_strptime(trim(t[1:11]), '%d %b %Y') AS DATE) END;

-- EMIS says how much of a date is known: U (nothing), Y, YM, YMD, YMDT. What is not known is never made up.
CREATE MACRO first_day(d, p) AS
  CASE p
    WHEN 'YMD' THEN d
    WHEN 'U' THEN NULL
    WHEN 'Y' THEN CAST(date_trunc('year', d) AS DATE)
    WHEN 'YM' THEN CAST(date_trunc('month', d) AS DATE)
    ELSE d
  END;
CREATE MACRO final_day(d, p) AS
  CASE p
    WHEN 'YMD' THEN d
    WHEN 'U' THEN NULL
    WHEN 'Y' THEN make_date(year(d), 12, 31)
    WHEN 'YM' THEN last_day(d)
    ELSE d
  END;
CREATE MACRO precision_of(d, p) AS
  CASE WHEN d IS NULL OR p = 'U' THEN NULL WHEN p = 'Y' THEN 'year' WHEN p = 'YM' THEN 'month' ELSE 'day' END;

-- Quantities in thousandths, rounded half away from nought; null when it is no number or does not fit.
CREATE MACRO milli(t) AS try_cast(round(try_cast(t AS DECIMAL(28, 6)) * 1000) AS BIGINT);
-- A result may be written with its comparator ("<0.1").
CREATE MACRO comparator_in(t) AS
  CASE WHEN t[1:1] IN ('<', '>') THEN nullif(regexp_extract(t, '^(<=|>=|<|>)', 1), '') END;
CREATE MACRO number_in(t) AS CASE WHEN t[1:1] IN ('<', '>') THEN trim(ltrim(t, '<>=')) ELSE t END;

-- Identifiers of another row: TPP writes -1 or 0 for none.
CREATE MACRO ref(t) AS CASE WHEN t IN ('-1', '0', '') THEN NULL ELSE t END;

-- A fault is `reason|column`, told in words by `faults.py`.
CREATE MACRO not_a_day(t, d, col) AS CASE WHEN t IS NOT NULL AND d IS NULL THEN 'not a date|' || col END;
CREATE MACRO not_yet(d, col) AS CASE WHEN d > getvariable('today') THEN 'dated in the future|' || col END;
CREATE MACRO not_a_number(t, n, col) AS CASE WHEN t IS NOT NULL AND n IS NULL THEN 'not a number|' || col END;
-- Whole days of supply; more than a hundred years are none.
CREATE MACRO days_in(t) AS
  CASE WHEN try_cast(try_cast(t AS DECIMAL(18, 3)) AS INTEGER) BETWEEN 1 AND 36500 THEN try_cast(try_cast(t AS DECIMAL(18, 3)) AS INTEGER) END;

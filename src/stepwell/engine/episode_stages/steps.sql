-- steps: what each event adds to the stock until the next one, in dose units (dose × days)
-- reads   events (chain, on_date, days, dose, units)
-- gives   place (1, 2 ... by date), next_on (date of the next event, null for the last), next_dose, units (supplied), shift (supplied − used until the next event, or until $until)
-- grain   chain, on_date
-- rule    between two events the earlier one's dose is taken every day
WITH numbered AS (
  SELECT
    e.chain,
    e.on_date,
    e.dose,
    coalesce(e.units, e.days * e.dose) AS units,
    row_number() OVER (PARTITION BY e.chain ORDER BY e.on_date) AS place,
    lead(e.on_date, 1) OVER (PARTITION BY e.chain ORDER BY e.on_date) AS next_on,
    lead(e.dose, 1) OVER (PARTITION BY e.chain ORDER BY e.on_date) AS next_dose
  FROM events AS e
)
SELECT
  n.chain,
  n.on_date,
  n.place,
  n.next_on,
  n.next_dose,
  n.dose,
  n.units,
  n.units - date_diff('day', n.on_date, coalesce(n.next_on, $until)) * n.dose AS shift
FROM numbered AS n

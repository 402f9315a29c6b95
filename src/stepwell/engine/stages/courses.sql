-- courses: one row per person, substance and course of treatment
-- reads   chains
-- gives   the contract's columns, with last_event_on (that is no stay), longest_end (latest end of any of its supplies), last_change_on and covered_days (days with supply, gaps between events taken off)
-- grain   person_id, substance, course
-- rule    docs/engine.md 3; issues are days with an issue, a plan or a stay alone has none
WITH gathered AS (
  SELECT
    c.person_id,
    c.substance,
    c.course,
    min(c.on_date) AS started_on,
    max(CASE WHEN c.issued THEN c.on_date END) AS last_issued_on,
    max(CASE WHEN c.is_last THEN c.ends_on END) AS supply_ends_on,
    CAST(sum(CASE WHEN c.issued THEN 1 ELSE 0 END) AS INTEGER) AS issues,
    max(CASE WHEN c.is_stay THEN NULL ELSE c.on_date END) AS last_event_on,
    max(c.ends_on) AS longest_end,
    max(CASE WHEN c.changed THEN c.on_date END) AS changed_on,
    min(CASE WHEN c.gap_days > $stop_gap_days THEN c.gap_days END) AS gap_before,
    coalesce(sum(CASE WHEN c.gap_days <= $stop_gap_days THEN c.gap_days END), 0) AS gaps_inside
  FROM chains AS c
  GROUP BY c.person_id, c.substance, c.course
)
SELECT
  g.person_id,
  g.substance,
  g.course,
  g.started_on,
  g.last_issued_on,
  g.supply_ends_on,
  g.issues,
  lead(g.gap_before, 1) OVER (PARTITION BY g.person_id, g.substance ORDER BY g.course) AS gap_days,
  g.last_event_on,
  g.longest_end,
  coalesce(g.changed_on, g.started_on) AS last_change_on,
  date_diff('day', g.started_on, g.supply_ends_on) - g.gaps_inside AS covered_days
FROM gathered AS g

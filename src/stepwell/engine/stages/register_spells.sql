-- register_spells: every time on a register by medicine, past and present
-- reads   class_spells, registers, people, lapses, k_register, k_set
-- gives   the contract's columns
-- grain   person_id, register, entered_on
-- rule    docs/engine.md 12: death goes before leaving the practice, either only where it comes before the end of supply
WITH answered AS (
  SELECT DISTINCT s.person_id, s.register, s.entered_on
  FROM lapses AS g
  JOIN k_set AS m ON m.substance = g.substance
  JOIN k_register AS k ON k.set_name = m.set_name
  JOIN class_spells AS s ON s.person_id = g.person_id AND s.register = k.register
  WHERE g.answered AND g.started_on >= s.entered_on AND g.started_on <= s.last_start_on
),
ended AS (
  SELECT
    s.person_id, s.register, s.entered_on,
    CASE
      WHEN r.person_id IS NOT NULL THEN NULL
      WHEN p.died_on < s.ends_on THEN p.died_on
      WHEN p.left_on < s.ends_on THEN p.left_on
      ELSE s.ends_on
    END AS left_on,
    CASE
      WHEN r.person_id IS NOT NULL THEN NULL
      WHEN p.died_on < s.ends_on THEN 'died'
      WHEN p.left_on < s.ends_on THEN 'left the practice'
      WHEN a.person_id IS NOT NULL THEN 'answered'
      ELSE 'supply ended'
    END AS reason
  FROM class_spells AS s
  JOIN people AS p ON p.person_id = s.person_id
  LEFT JOIN registers AS r ON r.person_id = s.person_id AND r.register = s.register AND s.is_last
  LEFT JOIN answered AS a ON a.person_id = s.person_id AND a.register = s.register AND a.entered_on = s.entered_on
)
SELECT
  e.person_id, e.register, e.entered_on,
  CASE WHEN e.left_on < e.entered_on THEN e.entered_on ELSE e.left_on END AS left_on,
  e.reason
FROM ended AS e

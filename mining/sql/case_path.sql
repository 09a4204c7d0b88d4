-- One case as the projection holds it: one row or none (case, start, end, state, variant, assumed, attributes as JSON,
-- activities by name in case order, waits_us between its events; dues, kept, lates_us and paused_since per
-- promise).
-- Parameters: tenant, process, case.
WITH
    (
        SELECT (groupArray(toUInt32(key)), groupArray(name))
        FROM (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary
SELECT
    case_id AS case,
    started_at AS start,
    ended_at AS end,
    toString(state) AS state,
    toString(population) AS population,
    lower(leftPad(hex(variant), 16, '0')) AS variant,
    assumed,
    toJSONString(attributes) AS attributes,
    arrayMap(key -> transform(key, dictionary.1, dictionary.2, ''), case_paths.activities) AS activities,
    waits_us,
    services_us,
    dues,
    kept,
    lates_us,
    paused_since
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process = {process:String} AND case_id = {case:String}

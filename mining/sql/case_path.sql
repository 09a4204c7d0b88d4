-- One case as the projection holds it: one row or none (case, start, end, state, variant, assumed, attributes as JSON,
-- waits_us between its events; dues, kept and lates_us per promise). Parameters: tenant, process, case.
SELECT
    case_id AS case,
    started_at AS start,
    ended_at AS end,
    toString(state) AS state,
    toString(population) AS population,
    lower(leftPad(hex(variant), 16, '0')) AS variant,
    assumed,
    toJSONString(attributes) AS attributes,
    waits_us,
    services_us,
    dues,
    kept,
    lates_us
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process = {process:String} AND case_id = {case:String}

-- What became of cases: one row per case that is there, with case_id, state, ended_at (its last event), happened (1: the
-- activity is in its path) and over (1: one of these activities is). By case_id.
-- Parameters: tenant, process, cases, activity ('': not asked about), over_by.
SELECT
    case_id,
    toString(state) AS state,
    ended_at,
    toUInt8(has(activities, toUInt32(sipHash64({activity:String})))) AS happened,
    toUInt8(hasAny(activities, arrayMap(name -> toUInt32(sipHash64(name)), {over_by:Array(String)}))) AS over
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process = {process:String} AND case_id IN {cases:Array(String)}
ORDER BY case_id

-- What became of cases: one row per case that is there, with case_id, state and ended_at (its last event). By case_id.
-- Parameters: tenant, process, cases.
SELECT case_id, toString(state) AS state, ended_at
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process = {process:String} AND case_id IN {cases:Array(String)}
ORDER BY case_id

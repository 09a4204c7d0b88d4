-- Up to when processes go: one row per process that has cases (process, last_at: its last event). Parameters: tenant,
-- processes.
SELECT toString(process) AS process, max(ended_at) AS last_at
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process IN {processes:Array(String)}
GROUP BY process
ORDER BY process

-- How far the processes are projected: one row per process (process, version), ordered by process. Parameters: tenant.
SELECT toString(process) AS process, version
FROM projections FINAL
WHERE tenant = {tenant:String}
ORDER BY process

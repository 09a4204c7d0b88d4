-- The sources whose events processes were projected from: one row each (process, source), ordered. Parameters: tenant,
-- processes.
SELECT toString(process) AS process, toString(arrayJoin(sources)) AS source
FROM projections FINAL
WHERE tenant = {tenant:String} AND process IN {processes:Array(String)}
ORDER BY process, source

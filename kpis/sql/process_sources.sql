-- The sources whose events a process was projected from: one row each (source), ordered. Parameters: tenant, process.
SELECT arrayJoin(arraySort(sources)) AS source
FROM projections FINAL
WHERE tenant = {tenant:String} AND process = {process:String}
ORDER BY source

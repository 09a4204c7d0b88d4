-- UTC days on which the cases start that a refresh has just written: one row (days, ascending).
-- Parameters: tenant, process, version (theirs).
SELECT arraySort(groupUniqArray(toDate32(started_at))) AS days
FROM case_paths
WHERE tenant = {tenant:String} AND process = {process:String} AND version = {version:UInt64} AND is_deleted = 0

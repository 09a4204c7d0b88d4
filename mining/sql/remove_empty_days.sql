-- Mark recomputed days that have no case any more as deleted. Parameters: tenant, process, version, days (empty: all).
INSERT INTO day_figures (tenant, process, day, version, is_deleted)
SELECT {tenant:String}, {process:String}, day, {version:UInt64}, 1
FROM day_figures
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND (empty({days:Array(Date32)}) OR has({days:Array(Date32)}, day))
GROUP BY day
HAVING max(version) < {version:UInt64}

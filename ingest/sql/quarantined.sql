-- The newest quarantine entries: one row each. Parameters: tenant, source ('' for all), limit.
SELECT file_name, toString(source) AS source, position, reason, raw, quarantined_at
FROM quarantine FINAL
WHERE tenant = {tenant:String} AND ({source:String} = '' OR source = {source:String})
ORDER BY quarantined_at DESC, file_name, length(position), position, entry
LIMIT {limit:UInt64}

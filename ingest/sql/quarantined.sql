-- The newest quarantine entries: one row each; raw as text, in which bytes that are none are marked.
-- Parameters: tenant, source ('' for all), reason ('' for all, else a part of it), entries (hexadecimal; empty for all),
-- ended (1: those that are open no longer, too), limit.
SELECT
    lower(hex(q.entry)) AS entry,
    file_name,
    toString(q.source) AS source,
    position,
    key,
    reason,
    toValidUTF8(q.raw) AS raw,
    length(q.raw) AS bytes,
    quarantined_at,
    toString(q.ended_as) AS ended_as
FROM quarantine AS q FINAL
WHERE tenant = {tenant:String}
    AND ({source:String} = '' OR source = {source:String})
    AND ({reason:String} = '' OR positionUTF8(reason, {reason:String}) > 0)
    AND (empty({entries:Array(String)}) OR lower(hex(q.entry)) IN {entries:Array(String)})
    AND ({ended:UInt8} = 1 OR q.ended_as = '')
ORDER BY quarantined_at DESC, file_name, length(position), position, entry
LIMIT {limit:UInt64}

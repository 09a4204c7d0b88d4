-- Entries with what was sent, byte for byte in base64, and what came with it; oldest first.
-- Parameters: tenant, entries (hexadecimal).
SELECT
    lower(hex(q.load_id)) AS load_id,
    lower(hex(q.entry)) AS entry,
    toString(q.source) AS source,
    file_name,
    position,
    key,
    headers,
    reason,
    base64Encode(q.raw) AS raw,
    quarantined_at,
    toString(q.ended_as) AS ended_as
FROM quarantine AS q FINAL
WHERE tenant = {tenant:String} AND lower(hex(q.entry)) IN {entries:Array(String)}
ORDER BY quarantined_at, length(position), position, entry
LIMIT 10000

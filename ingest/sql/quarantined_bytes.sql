-- Entries with what was sent, byte for byte in base64, and what came with it; oldest first.
-- Parameters: tenant, entries (hexadecimal).
SELECT
    lower(hex(load_id)) AS load_id,
    lower(hex(entry)) AS entry,
    toString(source) AS source,
    file_name,
    position,
    key,
    headers,
    reason,
    base64Encode(raw) AS raw,
    quarantined_at,
    toString(ended_as) AS ended_as
FROM quarantine FINAL
WHERE tenant = {tenant:String} AND lower(hex(entry)) IN {entries:Array(String)}
ORDER BY quarantined_at, length(position), position, entry
LIMIT 10000

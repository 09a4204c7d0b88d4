-- Entries of the quarantine that may hold one of texts, open or not, a page of them: one row each (entry as hex, source,
-- position, key, headers, reason, file_name, raw in base64, is_open), by entry. What JSON escapes has a backslash.
-- Parameters: tenant, texts, after (the last entry of the page before, hex; '' for the first page), rows of a page.
SELECT
    lower(hex(q.entry)) AS entry,
    toString(q.source) AS source,
    position,
    key,
    headers,
    reason,
    file_name,
    base64Encode(q.raw) AS raw,
    ended_as = '' AS is_open
FROM quarantine AS q FINAL
WHERE tenant = {tenant:String}
    AND q.entry > toFixedString(unhex({after:String}), 16)
    AND
    (
        multiSearchAny(
            concat(q.raw, '\0', key, '\0', headers, '\0', reason, '\0', position, '\0', file_name),
            {texts:Array(String)})
        OR position(q.raw, '\\') > 0
        OR position(headers, '\\') > 0
    )
ORDER BY q.entry
LIMIT {rows:UInt64}

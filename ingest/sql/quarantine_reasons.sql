-- Open quarantine entries by reason: one row per source, file and reason with its quoted values left out.
-- Parameters: tenant, source ('' for all).
SELECT
    toString(source) AS source,
    file_name,
    replaceRegexpAll(reason, '\'[^\']*\'', '…') AS reason,
    count() AS pieces,
    min(position) AS example
FROM quarantine FINAL
WHERE tenant = {tenant:String} AND ended_as = '' AND ({source:String} = '' OR source = {source:String})
GROUP BY source, file_name, reason
ORDER BY pieces DESC, source, file_name, reason
LIMIT 1000

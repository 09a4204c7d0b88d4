-- Names of one kind that share a key with another name: one row per key (names). Empty when all is well.
-- Parameters: tenant, kind ('activity', 'source' or 'actor'), names.
WITH known AS
(
    SELECT
        arrayJoin({names:Array(String)}) AS name,
        if({kind:String} = 'actor', sipHash64(name), toUInt64(toUInt32(sipHash64(name)))) AS key
    UNION ALL
    SELECT name, key
    FROM names
    WHERE tenant = {tenant:String} AND kind = {kind:String}
)
SELECT arraySort(groupUniqArray(name)) AS names
FROM known
GROUP BY key
HAVING length(names) > 1
ORDER BY names

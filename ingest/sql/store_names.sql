-- Add the names of one kind that the dictionary does not hold yet. Parameters: tenant, kind, names.
INSERT INTO names
SELECT {tenant:String}, {kind:String}, key, name
FROM
(
    SELECT
        arrayJoin({names:Array(String)}) AS name,
        if({kind:String} = 'actor', sipHash64(name), toUInt64(toUInt32(sipHash64(name)))) AS key
)
WHERE (key, name) NOT IN (SELECT key, name FROM names WHERE tenant = {tenant:String} AND kind = {kind:String})

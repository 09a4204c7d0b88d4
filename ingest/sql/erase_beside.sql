-- Note the objects of which something was told with the subject: those that are linked to it, and those of which a value of
-- an attribute goes. Parameters: tenant, table (erase_begin.sql).
INSERT INTO {table:Identifier} (kind, object_type, object_id)
WITH (SELECT groupArray((object_type, object_id)) FROM {table:Identifier} WHERE kind = 'subject') AS subjects
SELECT DISTINCT 'beside', side.1, side.2
FROM
(
    SELECT arrayJoin([(toString(from_type), from_id), (toString(to_type), to_id)]) AS side
    FROM object_links
    WHERE tenant = {tenant:String}
        AND (has(subjects, (toString(from_type), from_id)) OR has(subjects, (toString(to_type), to_id)))
    UNION ALL
    SELECT (toString(object_type), object_id)
    FROM object_attributes
    WHERE tenant = {tenant:String} AND value IN (SELECT text FROM {table:Identifier} WHERE kind = 'value')
)
WHERE NOT has(subjects, side)

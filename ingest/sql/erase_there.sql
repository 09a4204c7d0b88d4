-- The tables that hold rows which an erasure is to delete: one row each (place). What is to be deleted in each is what the
-- file for it says (erase_values.sql and so on). Parameters: tenant, table (erase_begin.sql).
SELECT place
FROM
(
    SELECT 'events' AS place, count() AS rows
    FROM events
    WHERE tenant = {tenant:String}
        AND (event_id, content_hash) IN (SELECT event_id, content_hash FROM {table:Identifier} WHERE kind = 'event')
    UNION ALL
    SELECT 'object_attributes' AS place, count() AS rows
    FROM object_attributes
    WHERE tenant = {tenant:String}
        AND
        (
            (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
            OR value IN (SELECT text FROM {table:Identifier} WHERE kind = 'value')
        )
    UNION ALL
    SELECT 'object_links' AS place, count() AS rows
    FROM object_links
    WHERE tenant = {tenant:String}
        AND
        (
            (from_type, from_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
            OR (to_type, to_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
        )
    UNION ALL
    SELECT 'names' AS place, count() AS rows
    FROM names
    WHERE tenant = {tenant:String}
        AND kind = 'actor'
        AND name IN (SELECT text FROM {table:Identifier} WHERE kind = 'name')
    UNION ALL
    SELECT 'quarantine' AS place, count() AS rows
    FROM quarantine
    WHERE tenant = {tenant:String}
        AND entry IN (SELECT event_id FROM {table:Identifier} WHERE kind = 'entry')
    UNION ALL
    SELECT 'touched_objects' AS place, count() AS rows
    FROM touched_objects
    WHERE tenant = {tenant:String}
        AND (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
    UNION ALL
    SELECT 'crossed_links' AS place, count() AS rows
    FROM crossed_links
    WHERE tenant = {tenant:String}
        AND
        (
            (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
            OR (other_type, other_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
        )
    UNION ALL
    SELECT 'reached_objects' AS place, count() AS rows
    FROM reached_objects
    WHERE tenant = {tenant:String}
        AND
        (
            (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
            OR (case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject') AND process IN
            (
                SELECT process
                FROM projections
                WHERE tenant = {tenant:String}
                    AND object_type IN (SELECT object_type FROM {table:Identifier} WHERE kind = 'subject')
            ))
        )
    UNION ALL
    SELECT 'finding_ends' AS place, count() AS rows
    FROM finding_ends
    WHERE tenant = {tenant:String}
        AND finding_id IN
        (
            SELECT finding_id
            FROM findings
            WHERE tenant = {tenant:String}
                AND case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject')
                AND process IN
                (
                    SELECT process
                    FROM projections
                    WHERE tenant = {tenant:String}
                        AND object_type IN (SELECT object_type FROM {table:Identifier} WHERE kind = 'subject')
                )
        )
    UNION ALL
    SELECT 'findings' AS place, count() AS rows
    FROM findings
    WHERE tenant = {tenant:String}
        AND case_id IN (SELECT object_id FROM {table:Identifier} WHERE kind = 'subject')
        AND process IN
        (
            SELECT process
            FROM projections
            WHERE tenant = {tenant:String}
                AND object_type IN (SELECT object_type FROM {table:Identifier} WHERE kind = 'subject')
        )
)
WHERE rows > 0

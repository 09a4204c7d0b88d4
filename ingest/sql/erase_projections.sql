-- Have the processes be built anew whose link paths cross a link of the subject: links are never taken back else.
-- Parameters: tenant, table (erase_begin.sql).
INSERT INTO projections
SELECT
    tenant, process, version + 1, unhex('00000000000000000000000000000000'), object_type, through_batch, sources, dated,
    started, attributed, projected_at
FROM projections FINAL
WHERE tenant = {tenant:String}
    AND process IN
    (
        SELECT process
        FROM crossed_links
        WHERE tenant = {tenant:String}
            AND
            (
                (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
                OR (other_type, other_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
            )
        UNION DISTINCT
        SELECT process
        FROM reached_objects
        WHERE tenant = {tenant:String}
            AND (object_type, object_id) IN (SELECT object_type, object_id FROM {table:Identifier} WHERE kind = 'subject')
    )

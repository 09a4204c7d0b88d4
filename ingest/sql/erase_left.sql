-- Where something of a subject is left as an object: one row per place (place, rows). Parameters: tenant, object_type, ids.
WITH
    own AS
    (
        SELECT DISTINCT process
        FROM projections
        WHERE tenant = {tenant:String} AND object_type = {object_type:String}
    )
SELECT place, rows
FROM
(
    SELECT 'events.objects' AS place, count() AS rows
    FROM events
    WHERE tenant = {tenant:String}
        AND arrayExists(o -> (o.type = {object_type:String}) AND has({ids:Array(String)}, o.id), objects)
    UNION ALL
    SELECT 'event_objects.object_id', count()
    FROM event_objects
    WHERE tenant = {tenant:String} AND object_type = {object_type:String} AND object_id IN {ids:Array(String)}
    UNION ALL
    SELECT 'object_attributes.object_id', count()
    FROM object_attributes
    WHERE tenant = {tenant:String} AND object_type = {object_type:String} AND object_id IN {ids:Array(String)}
    UNION ALL
    SELECT 'object_links', count()
    FROM object_links
    WHERE tenant = {tenant:String}
        AND
        (
            (from_type = {object_type:String} AND from_id IN {ids:Array(String)})
            OR (to_type = {object_type:String} AND to_id IN {ids:Array(String)})
        )
    UNION ALL
    SELECT 'touched_objects.object_id', count()
    FROM touched_objects
    WHERE tenant = {tenant:String} AND object_type = {object_type:String} AND object_id IN {ids:Array(String)}
    UNION ALL
    SELECT 'crossed_links', count()
    FROM crossed_links
    WHERE tenant = {tenant:String}
        AND
        (
            (object_type = {object_type:String} AND object_id IN {ids:Array(String)})
            OR (other_type = {object_type:String} AND other_id IN {ids:Array(String)})
        )
    UNION ALL
    SELECT 'reached_objects', count()
    FROM reached_objects
    WHERE tenant = {tenant:String}
        AND
        (
            (object_type = {object_type:String} AND object_id IN {ids:Array(String)})
            OR (case_id IN {ids:Array(String)} AND process IN own)
        )
    UNION ALL
    SELECT 'case_paths.case_id', count()
    FROM case_paths
    WHERE tenant = {tenant:String} AND case_id IN {ids:Array(String)} AND process IN own
    UNION ALL
    SELECT 'findings.case_id', count()
    FROM findings
    WHERE tenant = {tenant:String} AND case_id IN {ids:Array(String)} AND process IN own
)
WHERE rows > 0
ORDER BY place

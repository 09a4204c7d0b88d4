-- Through which object the link paths reach each event of a case that it does not name itself: one row per event
-- (event_id as hex, type, id): of several objects the one after the fewest links, then by path and id.
-- Parameters: tenant, process, object_type, case.
SELECT
    lower(hex(told.event_id)) AS event_id,
    (argMin((reached.object_type, reached.object_id), reached.nearness) AS via).1 AS type,
    via.2 AS id
FROM event_objects AS told
INNER JOIN
(
    SELECT
        toString(object_type) AS object_type,
        object_id,
        min((length(splitByString(' → ', toString(path))), toString(path), object_id)) AS nearness
    FROM reached_objects
    WHERE tenant = {tenant:String} AND process = {process:String} AND case_id = {case:String}
    GROUP BY object_type, object_id
) AS reached ON reached.object_type = toString(told.object_type) AND reached.object_id = told.object_id
WHERE told.tenant = {tenant:String}
    AND told.derived_for = ''
    AND (told.object_type, told.object_id) IN
    (
        SELECT object_type, object_id
        FROM reached_objects
        WHERE tenant = {tenant:String} AND process = {process:String} AND case_id = {case:String}
    )
    AND told.event_id IN
    (
        SELECT event_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND object_id = {case:String}
            AND derived_for = {process:String}
    )
GROUP BY told.event_id
ORDER BY event_id

-- How surely one link path joins the objects of a source to cases: one row per source (source, objects, linked, multiple):
-- objects of far_type that have events of the source; of these those that the path joins to exactly one case, and to
-- several. Ordered by source. Parameters: tenant, process, path, far_type.
SELECT
    toString(told.source) AS source,
    count() AS objects,
    countIf(reached.cases = 1) AS linked,
    countIf(reached.cases > 1) AS multiple
FROM
(
    SELECT source, object_id
    FROM event_objects
    WHERE tenant = {tenant:String} AND object_type = {far_type:String} AND derived_for = ''
    GROUP BY source, object_id
) AS told
LEFT JOIN
(
    SELECT object_id, uniqExact(case_id) AS cases
    FROM reached_objects
    WHERE tenant = {tenant:String} AND process = {process:String} AND path = {path:String}
    GROUP BY object_id
) AS reached ON reached.object_id = told.object_id
GROUP BY source
ORDER BY source

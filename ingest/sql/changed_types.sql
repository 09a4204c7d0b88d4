-- The object types of what the batches of a source changed: one row each (object_type). Of the objects of their events and of
-- other copies of these, from which an event may have been taken, of objects that they told, and of both ends of links.
-- Parameters: tenant, source, load_id (hex; '' for all loads of the source).
WITH chosen AS
(
    SELECT batch
    FROM batches
    WHERE tenant = {tenant:String}
        AND source = {source:String}
        AND ({load_id:String} = '' OR load_id = unhex({load_id:String}))
)
SELECT toString(object_type) AS object_type
FROM touched_objects
WHERE tenant = {tenant:String} AND touched_for = '' AND batch IN chosen
UNION DISTINCT
SELECT toString(object_type)
FROM object_attributes
WHERE tenant = {tenant:String} AND batch IN chosen
UNION DISTINCT
SELECT arrayJoin([toString(from_type), toString(to_type)])
FROM object_links
WHERE tenant = {tenant:String} AND batch IN chosen

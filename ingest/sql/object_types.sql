-- The object types that the events of one load source, or its object attributes, name: one row each (object_type),
-- by name. Sources that rows name themselves are found through the load's batches. Parameters: tenant, source.
SELECT DISTINCT object_type
FROM
(
    SELECT toString(object_type) AS object_type
    FROM event_objects
    WHERE tenant = {tenant:String}
        AND derived_for = ''
        AND batch IN (SELECT batch FROM batches WHERE tenant = {tenant:String} AND source = {source:String})
    UNION DISTINCT
    SELECT toString(object_type)
    FROM object_attributes
    WHERE tenant = {tenant:String}
        AND batch IN (SELECT batch FROM batches WHERE tenant = {tenant:String} AND source = {source:String})
)
ORDER BY object_type

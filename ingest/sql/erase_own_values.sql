-- The values that the attributes of the subject had: one row each (value, as JSON). Parameters: tenant, object_type, ids.
SELECT DISTINCT value
FROM object_attributes
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND object_id IN {ids:Array(String)}
    AND attribute != ''

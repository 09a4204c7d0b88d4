-- Event attributes that split cases into groups: one row each (attribute, values: distinct ones), by name. Those with
-- one value only, or with more than {most} of them, split nothing. Parameters: tenant, object_type, most, limit.
SELECT pair.1 AS attribute, uniqExact(pair.2) AS values
FROM event_objects
ARRAY JOIN JSONExtractKeysAndValuesRaw(attributes) AS pair
WHERE tenant = {tenant:String} AND object_type = {object_type:String} AND attributes != '{}'
GROUP BY attribute
HAVING values BETWEEN 2 AND {most:UInt64}
ORDER BY attribute
LIMIT {limit:UInt64}

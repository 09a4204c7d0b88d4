-- Where to cut the objects that the exported events touch: one row per part (upto_type, upto: its last object), by
-- type and id. A part holds about {rows} attribute values and links.
-- Parameters: the filter (mining/filters.py), object_type, activities, lifecycles, rows.
WITH
    touched AS
    (
        SELECT DISTINCT object_type, object_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND derived_for = ''
            AND event_id IN
            (
                SELECT event_id
                FROM event_objects
                WHERE tenant = {tenant:String}
                    AND object_type = {object_type:String}
                    AND derived_for = ''
                    AND object_id IN
                    (
                        SELECT case_id
                        FROM
                        selected_cases(
                            tenant = {tenant:String},
                            process = {process:String},
                            since = {since:Nullable(DateTime64(6, 'UTC'))},
                            until = {until:Nullable(DateTime64(6, 'UTC'))},
                            anchor = {anchor:String},
                            attribute_names = {attribute_names:Array(String)},
                            attribute_values = {attribute_values:Array(Array(String))},
                            with_activities = {with_activities:Array(String)},
                            variants = {variants:Array(String)},
                            min_duration_us = {min_duration_us:Nullable(Int64)},
                            max_duration_us = {max_duration_us:Nullable(Int64)},
                            edge_source = {edge_source:String},
                            edge_target = {edge_target:String},
                            states = {states:Array(String)})
                    )
                    AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
                    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
            )
    ),
    weights AS
    (
        SELECT object_type, object_id, count() AS weight
        FROM
        (
            SELECT toString(object_type) AS object_type, object_id
            FROM object_attributes
            WHERE tenant = {tenant:String} AND (object_type, object_id) IN touched
            UNION ALL
            SELECT toString(from_type), from_id
            FROM object_links
            WHERE tenant = {tenant:String} AND (from_type, from_id) IN touched
        )
        GROUP BY object_type, object_id
    )
SELECT (max((object_type, object_id)) AS last).1 AS upto_type, last.2 AS upto
FROM
(
    SELECT
        object_type,
        object_id,
        weight,
        sum(weight) OVER (ORDER BY object_type, object_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS reached
    FROM weights
)
GROUP BY intDiv(reached - weight, {rows:UInt64})
ORDER BY upto_type, upto

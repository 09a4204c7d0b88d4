-- The attributes, with their history, of the objects that the exported events touch, one part of them: one row per
-- value (as OBJECT_FRAME, kernel/events.py; what several sources tell alike is one row), by object, attribute and time.
-- Parameters: the filter (mining/filters.py), object_type, activities, lifecycles; the part: after_type, after,
-- upto_type, upto.
WITH
    touched AS
    (
        SELECT DISTINCT object_type, object_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND derived_for = ''
            AND (toString(object_type), object_id) > ({after_type:String}, {after:String})
            AND (toString(object_type), object_id) <= ({upto_type:String}, {upto:String})
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
    )
SELECT DISTINCT
    toString(object_attributes.object_type) AS type,
    object_id AS id,
    toString(attribute) AS attribute,
    value,
    if(toUnixTimestamp64Micro(changed_at) = 0, NULL, changed_at) AS changed_at
FROM object_attributes
WHERE tenant = {tenant:String}
    AND (toString(object_attributes.object_type), object_id) > ({after_type:String}, {after:String})
    AND (toString(object_attributes.object_type), object_id) <= ({upto_type:String}, {upto:String})
    AND (object_attributes.object_type, object_id) IN touched
ORDER BY type, id, attribute, object_attributes.changed_at, value

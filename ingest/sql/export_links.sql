-- The links between objects that the exported events touch, those from one part of the objects: one row per link (as
-- LINK_FRAME, kernel/events.py; what several sources tell alike is one row), in the order of its columns.
-- Parameters: the filter (mining/filters.py), object_type, activities, lifecycles; the part: after_type, after,
-- upto_type, upto.
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
    )
SELECT DISTINCT
    toString(object_links.from_type) AS from_type,
    object_links.from_id AS from_id,
    toString(object_links.to_type) AS to_type,
    object_links.to_id AS to_id,
    toString(object_links.qualifier) AS qualifier
FROM object_links
WHERE tenant = {tenant:String}
    AND (toString(object_links.from_type), object_links.from_id) > ({after_type:String}, {after:String})
    AND (toString(object_links.from_type), object_links.from_id) <= ({upto_type:String}, {upto:String})
    AND (object_links.from_type, object_links.from_id) IN touched
    AND (object_links.to_type, object_links.to_id) IN touched
ORDER BY from_type, from_id, to_type, to_id, qualifier

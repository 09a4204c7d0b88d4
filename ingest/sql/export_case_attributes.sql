-- The current attributes of the selected cases of one part of an export: one row per case and attribute (case,
-- attribute, value as JSON), by case id and attribute.
-- Parameters: the filter (mining/filters.py), object_type, after, upto (case ids).
SELECT
    object_id AS case,
    toString(attribute) AS attribute,
    argMax(value, (changed_at, toString(source), value)) AS value
FROM object_attributes
WHERE tenant = {tenant:String}
    AND object_type = {object_type:String}
    AND object_id > {after:String}
    AND object_id <= {upto:String}
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
        WHERE case_id > {after:String} AND case_id <= {upto:String}
    )
    AND attribute != ''
GROUP BY object_id, attribute
ORDER BY case, attribute

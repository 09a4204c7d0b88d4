-- Values of case attributes: one row each with attribute, value, cases (that have it) and distinct_values (of the
-- attribute, on every row of it). Per attribute the values of most cases, at most `top`. By attribute, then cases
-- descending, then value. Excluded populations and empty values do not count. Parameters: the filter (mining/filters.py), top.
SELECT
    attribute,
    value,
    cases,
    distinct_values
FROM
(
    SELECT
        attribute,
        value,
        cases,
        count() OVER (PARTITION BY attribute) AS distinct_values
    FROM
    (
        SELECT toString(attribute) AS attribute, value, count() AS cases
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
        ARRAY JOIN mapKeys(attributes) AS attribute, mapValues(attributes) AS value
        WHERE value != ''
        GROUP BY attribute, value
    )
)
ORDER BY attribute, cases DESC, value
LIMIT {top:UInt64} BY attribute

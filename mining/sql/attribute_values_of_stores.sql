-- As attribute_values.sql for the cases of some stores: one row each with attribute, value, cases and distinct_values.
-- Parameters: tenant, process, store (the attribute), stores, top.
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
        FROM case_paths FINAL
        ARRAY JOIN mapKeys(attributes) AS attribute, mapValues(attributes) AS value
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND population = ''
            AND value != ''
            AND has({stores:Array(String)}, attributes[{store:String}])
        GROUP BY attribute, value
    )
)
ORDER BY attribute, cases DESC, value
LIMIT {top:UInt64} BY attribute

-- Values of case attributes: one row each with attribute, value, cases (that have it) and distinct_values (of the
-- attribute, on every row of it). Per attribute the values of most cases, at most `top`. By attribute, then cases
-- descending, then value. Excluded populations and empty values do not count. Parameters: tenant, process, top.
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
        WHERE tenant = {tenant:String} AND process = {process:String} AND population = '' AND value != ''
        GROUP BY attribute, value
    )
)
ORDER BY attribute, cases DESC, value
LIMIT {top:UInt64} BY attribute

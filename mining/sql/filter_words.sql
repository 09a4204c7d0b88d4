-- The words that filters of a process may use: one row (activities, attributes: names in order).
-- Parameters: tenant, process.
WITH keys AS
(
    SELECT DISTINCT node.1 AS key
    FROM day_figures FINAL
    ARRAY JOIN nodes AS node
    WHERE tenant = {tenant:String} AND process = {process:String}
)
SELECT
    (
        SELECT arraySort(groupUniqArray(name))
        FROM names
        WHERE tenant = {tenant:String} AND kind = 'activity' AND key IN (SELECT key FROM keys)
    ) AS activities,
    (
        SELECT arraySort(groupUniqArrayArray(arrayMap(name -> toString(name), mapKeys(attributes))))
        FROM case_paths FINAL
        WHERE tenant = {tenant:String} AND process = {process:String}
    ) AS attributes

-- As filter_words.sql for the cases of some stores: one row (activities, attributes: names in order). Only the activities
-- of cases that count are there, as in the day figures. Parameters: tenant, process, store (the attribute), stores.
WITH cases AS
(
    SELECT activities, attributes, population
    FROM case_paths FINAL
    WHERE tenant = {tenant:String} AND process = {process:String} AND has({stores:Array(String)}, attributes[{store:String}])
)
SELECT
    (
        SELECT arraySort(groupUniqArray(name))
        FROM names
        WHERE tenant = {tenant:String}
            AND kind = 'activity'
            AND key IN (SELECT arrayJoin(activities) FROM cases WHERE population = '')
    ) AS activities,
    (
        SELECT arraySort(groupUniqArrayArray(arrayMap(name -> toString(name), mapKeys(attributes)))) FROM cases
    ) AS attributes

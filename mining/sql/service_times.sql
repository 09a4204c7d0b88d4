-- How long activities themselves take, where their start is known: one row per activity with events, mean_s, p50_s,
-- p95_s in seconds. By mean times events, greatest first, then by name. Empty when no start is known. Parameters: the filter (mining/filters.py).
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    timed AS
    (
        SELECT
            key,
            count() AS events,
            avg(service_us) AS mean_us,
            quantilesExactInclusive(0.5, 0.95)(service_us) AS quantiles_us
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
        ARRAY JOIN activities AS key, services_us AS service_us
        WHERE notEmpty(services_us) AND service_us >= 0
        GROUP BY key
    )
SELECT
    transform(key, dictionary.1, dictionary.2, '') AS activity,
    timed.events AS events,
    mean_us / 1e6 AS mean_s,
    quantiles_us[1] / 1e6 AS p50_s,
    quantiles_us[2] / 1e6 AS p95_s
FROM timed
ORDER BY mean_s * events DESC, activity

-- As directly_follows_frequency.sql for all cases of a process, or those started on whole UTC days, from the day
-- figures: milliseconds at any size. Parameters: tenant, process, since_day, until_day (null for no bound).
WITH
    (
        SELECT (groupArray(key), groupArray(name))
        FROM (SELECT toUInt32(key) AS key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    pairs AS
    (
        SELECT
            edge.1 AS source,
            edge.2 AS target,
            sum(edge.3) AS frequency,
            sum(toUInt64(edge.3 - edge.4)) AS assumed,
            sum(edge.5) / sum(edge.4) AS mean_us
        FROM day_figures FINAL
        ARRAY JOIN edges AS edge
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND (isNull({since_day:Nullable(Date32)}) OR day >= {since_day:Nullable(Date32)})
            AND (isNull({until_day:Nullable(Date32)}) OR day < {until_day:Nullable(Date32)})
        GROUP BY source, target
    )
SELECT
    transform(pairs.source, dictionary.1, dictionary.2, '') AS source,
    transform(pairs.target, dictionary.1, dictionary.2, '') AS target,
    frequency,
    assumed,
    if(frequency = assumed, NULL, mean_us / 1e6) AS mean_s
FROM pairs
ORDER BY frequency DESC, source, target

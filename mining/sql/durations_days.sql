-- As durations.sql for all cases of a process, or those started on whole UTC days, from the day figures.
-- Parameters: tenant, process, since_day, until_day (null for no bound).
SELECT
    if(grouping(state_) = 1, '', state_) AS state,
    sum(length(lengths_us)) AS cases,
    sumArray(lengths_us) / cases / 1e6 AS mean_s,
    quantilesExactInclusiveArray(0.5, 0.9, 0.95)(lengths_us)[1] / 1e6 AS p50_s,
    quantilesExactInclusiveArray(0.5, 0.9, 0.95)(lengths_us)[2] / 1e6 AS p90_s,
    quantilesExactInclusiveArray(0.5, 0.9, 0.95)(lengths_us)[3] / 1e6 AS p95_s,
    minArray(lengths_us) / 1e6 AS min_s,
    maxArray(lengths_us) / 1e6 AS max_s
FROM
(
    SELECT toString(of_state.1) AS state_, of_state.2 AS lengths_us
    FROM day_figures FINAL
    ARRAY JOIN durations AS of_state
    WHERE tenant = {tenant:String}
        AND process = {process:String}
        AND (isNull({since_day:Nullable(Date32)}) OR day >= {since_day:Nullable(Date32)})
        AND (isNull({until_day:Nullable(Date32)}) OR day < {until_day:Nullable(Date32)})
)
GROUP BY GROUPING SETS ((), (state_))
HAVING cases > 0
ORDER BY state

-- Recompute the figures of days from case_paths: one row of day_figures per day with a case that counts.
-- Parameters: tenant, process, version, days (empty for all days).
INSERT INTO day_figures
(
    tenant, process, day, version, is_deleted, cases, complete, events, assumed, first_at, last_at, durations,
    edges, nodes, starts, ends
)
WITH
    counted AS
    (
        SELECT toDate32(started_at) AS day, state, events, assumed, started_at, ended_at, activities, waits_us
        FROM case_paths FINAL
        WHERE tenant = {tenant:String}
            AND process = {process:String}
            AND population = ''
            AND (empty({days:Array(Date32)}) OR has({days:Array(Date32)}, toDate32(started_at)))
    ),
    totals AS
    (
        SELECT
            day, count() AS cases, countIf(state = 'complete') AS complete, sum(events) AS events_,
            sum(assumed) AS assumed_, min(started_at) AS first_at, max(ended_at) AS last_at
        FROM counted
        GROUP BY day
    ),
    durations_ AS
    (
        SELECT day, arraySort(groupArray((state, lengths_us))) AS durations
        FROM
        (
            SELECT
                day, state,
                arraySort(groupArray(toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at))) AS lengths_us
            FROM counted
            GROUP BY day, state
        )
        GROUP BY day
    ),
    edges_ AS
    (
        SELECT day, arraySort(groupArray((source, target, pairs, timed, wait_us))) AS edges
        FROM
        (
            SELECT
                day, source, target, count() AS pairs, countIf(wait >= 0) AS timed, sumIf(wait, wait >= 0) AS wait_us
            FROM counted
            ARRAY JOIN arrayPopBack(activities) AS source, arrayPopFront(activities) AS target, waits_us AS wait
            GROUP BY day, source, target
        )
        GROUP BY day
    ),
    nodes_ AS
    (
        SELECT day, arraySort(groupArray((activity, times))) AS nodes
        FROM (SELECT day, activity, count() AS times FROM counted ARRAY JOIN activities AS activity GROUP BY day, activity)
        GROUP BY day
    ),
    starts_ AS
    (
        SELECT day, arraySort(groupArray((activity, times))) AS starts
        FROM (SELECT day, activities[1] AS activity, count() AS times FROM counted GROUP BY day, activity)
        GROUP BY day
    ),
    ends_ AS
    (
        SELECT day, arraySort(groupArray((activity, times))) AS ends
        FROM (SELECT day, activities[-1] AS activity, count() AS times FROM counted GROUP BY day, activity)
        GROUP BY day
    )
SELECT
    {tenant:String}, {process:String}, totals.day, {version:UInt64}, 0, cases, complete, events_, assumed_, first_at,
    last_at, durations, edges, nodes, starts, ends
FROM totals
LEFT JOIN durations_ ON durations_.day = totals.day
LEFT JOIN edges_ ON edges_.day = totals.day
LEFT JOIN nodes_ ON nodes_.day = totals.day
LEFT JOIN starts_ ON starts_.day = totals.day
LEFT JOIN ends_ ON ends_.day = totals.day

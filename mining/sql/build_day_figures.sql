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
            day, sum(cases_) AS cases, sumIf(cases_, state = 'complete') AS complete, sum(events_) AS all_events,
            sum(assumed_) AS all_assumed, min(first_) AS first_at, max(last_) AS last_at,
            arraySort(groupArray((state, lengths_us))) AS durations
        FROM
        (
            SELECT
                day, state, count() AS cases_, sum(events) AS events_, sum(assumed) AS assumed_, min(started_at) AS first_,
                max(ended_at) AS last_,
                arraySort(groupArray(toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at))) AS lengths_us
            FROM counted
            GROUP BY day, state
        )
        GROUP BY day
    ),
    -- Steps of kind 1 lead to a case's first event, those of kind 2 from one event to the next, those of kind 3 away from
    -- the last event: every event is led to once.
    steps AS
    (
        SELECT
            day, arraySort(groupArrayIf((source, target, times, timed, wait_us), kind = 2)) AS edges,
            sumMapIf([target], [times], kind != 3) AS led_to, arraySort(groupArrayIf((target, times), kind = 1)) AS starts,
            arraySort(groupArrayIf((source, times), kind = 3)) AS ends
        FROM
        (
            SELECT
                day, multiIf(place = 1, 1, place <= events, 2, 3) AS kind, source, target, count() AS times,
                countIf(wait >= 0) AS timed, sumIf(wait, wait >= 0) AS wait_us
            FROM counted
            ARRAY JOIN
                arrayPushFront(activities, 0) AS source,
                arrayPushBack(activities, 0) AS target,
                arrayPushBack(arrayPushFront(waits_us, 0), 0) AS wait,
                range(1, events + 2) AS place
            GROUP BY day, kind, source, target
        )
        GROUP BY day
    )
SELECT
    {tenant:String}, {process:String}, totals.day, {version:UInt64}, 0, cases, complete, all_events, all_assumed, first_at,
    last_at, durations, edges, arrayZip(led_to.1, led_to.2), starts, ends
FROM totals
INNER JOIN steps ON steps.day = totals.day

-- As readiness.sql for the cases of some stores, by themselves: one row of its counts; those that only the whole log
-- tells are 0. Parameters: tenant, process, object_type, store (the attribute), stores.
WITH
    paths AS
    (
        SELECT state, population, selected.events AS events, assumed, case_id
        FROM case_paths AS selected FINAL
        WHERE tenant = {tenant:String} AND process = {process:String} AND has({stores:Array(String)}, attributes[{store:String}])
    ),
    related AS
    (
        SELECT source, event_id, occurred_at, precision, actor_key, object_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND derived_for IN ('', {process:String})
            AND object_id IN (SELECT case_id FROM paths)
    )
SELECT
    0 AS events,
    0 AS unlinked_events,
    (SELECT countIf(precision = 'day') FROM related) AS date_only,
    (
        SELECT countIf((precision != 'day') AND (toUnixTimestamp64Micro(occurred_at) % 86400000000 = 0)) FROM related
    ) AS midnight,
    (SELECT count() FROM related) AS relations,
    (
        SELECT sum(times)
        FROM
        (
            SELECT count() AS times
            FROM related
            WHERE actor_key != 0
            GROUP BY actor_key, toUnixTimestamp(toDateTime(occurred_at))
            HAVING times >= 10
        )
    ) AS bulk,
    (SELECT count() FROM paths) AS cases,
    (SELECT countIf(events = 1) FROM paths) AS single_event_cases,
    (SELECT countIf(state = 'open') FROM paths) AS open_cases,
    (SELECT countIf(state = 'unknown') FROM paths) AS unknown_cases,
    (SELECT sum(events - 1) FROM paths) AS pairs,
    (SELECT sum(assumed) FROM paths) AS assumed_pairs,
    (
        SELECT arraySort(groupArray((population, times)))
        FROM (SELECT toString(population) AS population, count() AS times FROM paths WHERE population != '' GROUP BY population)
    ) AS excluded,
    0 AS untouched_objects,
    0 AS quarantined,
    0 AS conflicts

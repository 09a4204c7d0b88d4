-- What the log of a process is fit for: one row of counts. events: of this case notion, those that its link paths reach
-- included. unlinked_events: other events of the same sources, which name no object of it. date_only: stamps that are business dates. midnight: full stamps at exactly
-- 00:00 UTC. bulk: events of an actor with ten or more events in the same second. pairs, assumed_pairs: directly-follows
-- pairs, and those ordered by assumption. excluded: cases per excluded population. untouched_objects: objects known by
-- their attributes that no event names. Parameters: tenant, process, object_type, log (the process named at load).
WITH
    related AS
    (
        SELECT source, event_id, occurred_at, precision, actor_key, object_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND derived_for IN ('', {process:String})
    ),
    paths AS
    (
        SELECT state, population, selected.events AS events, assumed, case_id
        FROM case_paths AS selected FINAL
        WHERE tenant = {tenant:String} AND process = {process:String}
    )
SELECT
    (SELECT uniqExact(event_id) FROM related) AS events,
    (
        SELECT count()
        FROM
        (
            SELECT event_id
            FROM events
            WHERE tenant = {tenant:String}
                AND source IN (SELECT DISTINCT source FROM related)
                AND event_id NOT IN
                (
                    SELECT event_id
                    FROM event_objects
                    WHERE tenant = {tenant:String}
                        AND object_type = {object_type:String}
                        AND derived_for != ''
                        AND derived_for = {process:String}
                )
            GROUP BY event_id
            HAVING NOT max(arrayExists(o -> o.type = {object_type:String}, objects))
        )
    ) AS unlinked_events,
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
    (
        SELECT uniqExact(object_id)
        FROM object_attributes
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND object_id NOT IN (SELECT object_id FROM related)
    ) AS untouched_objects,
    (
        SELECT count()
        FROM quarantine FINAL
        WHERE tenant = {tenant:String}
            AND load_id IN (SELECT load_id FROM loads FINAL WHERE tenant = {tenant:String} AND process = {log:String})
    ) AS quarantined,
    (
        SELECT sum(conflicts) FROM loads FINAL WHERE tenant = {tenant:String} AND process = {log:String}
    ) AS conflicts

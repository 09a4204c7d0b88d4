-- The cases that a filter selects as they stood at an instant: selected_cases with every array up to the last event
-- that had happened by `cut`. ends: the end activities of the process; all other parameters are the filter's.
-- stamps_us: instant of each event in microseconds, made of the start, the waits and the services. Exact, but where a
-- case has assumed pairs (they count as no time, so it may be early by less than the precision of its events, a day for
-- business dates) and where an activity began before the one before it ended (it may be late by the overlap, never
-- later than ended_at). A case that ended by `cut` is never cut, so what is asked about the present does not depend on
-- stamps.
-- whole: 1 for a case of which nothing is cut off. human_touches: null where something is. due_at, attributes and
-- population are those of the whole case: what they were at `cut` is not kept.
CREATE VIEW IF NOT EXISTS cut_cases AS
WITH
    timed AS
    (
        SELECT
            case_id,
            started_at,
            ended_at AS whole_ended_at,
            due_at,
            activities AS all_activities,
            waits_us AS all_waits_us,
            sources AS all_sources,
            actors AS all_actors,
            outcomes AS all_outcomes,
            human_touches AS all_human_touches,
            date_only,
            attributes,
            toUnixTimestamp64Micro(started_at) AS start_us,
            toUnixTimestamp64Micro(ended_at) AS end_us,
            arrayMap(
                passed -> least(start_us + passed, end_us),
                arrayCumSum(arrayMap(
                    (wait, service) -> greatest(toInt64(0), wait) + greatest(toInt64(0), service),
                    arrayPushFront(all_waits_us, toInt64(0)),
                    if(empty(services_us), arrayResize(emptyArrayInt64(), length(activities)), services_us)))) AS all_stamps_us,
            if(whole_ended_at <= {cut:DateTime64(6, 'UTC')}, length(activities),
                arrayCount(stamp -> stamp <= toUnixTimestamp64Micro({cut:DateTime64(6, 'UTC')}), all_stamps_us)) AS happened
        FROM selected_cases(
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
        WHERE started_at <= {cut:DateTime64(6, 'UTC')}
    )
SELECT
    case_id,
    started_at,
    if(whole = 1, whole_ended_at, fromUnixTimestamp64Micro(stamps_us[-1], 'UTC')) AS ended_at,
    multiIf(
        empty({ends:Array(String)}), 'unknown',
        hasAny(activities, arrayMap(name -> toUInt32(sipHash64(name)), {ends:Array(String)})), 'complete',
        'open') AS state,
    happened = length(all_activities) AS whole,
    happened AS events,
    arraySlice(all_activities, 1, happened) AS activities,
    arraySlice(all_waits_us, 1, happened - 1) AS waits_us,
    arraySlice(all_stamps_us, 1, happened) AS stamps_us,
    arraySlice(all_sources, 1, happened) AS sources,
    arraySlice(all_actors, 1, happened) AS actors,
    arraySlice(all_outcomes, 1, happened) AS outcomes,
    if(whole = 1, toNullable(all_human_touches), NULL) AS human_touches,
    date_only,
    due_at,
    attributes
FROM timed
WHERE happened > 0

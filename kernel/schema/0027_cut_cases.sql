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
            * EXCEPT (starts, passes),
            arrayMap(passed -> least(starts + passed, toUnixTimestamp64Micro(ended_at)), arrayCumSum(passes)) AS all_stamps_us
        FROM
        (
            SELECT
                case_id, started_at, ended_at, due_at, activities, waits_us, sources, actors, outcomes, human_touches, date_only,
                attributes,
                toUnixTimestamp64Micro(started_at) AS starts,
                arrayMap(
                    (wait, service) -> greatest(toInt64(0), wait) + greatest(toInt64(0), service),
                    arrayPushFront(waits_us, toInt64(0)),
                    if(empty(services_us), arrayResize(emptyArrayInt64(), length(activities)), services_us)) AS passes
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
    ),
    counted AS
    (
        SELECT
            *,
            if(ended_at <= {cut:DateTime64(6, 'UTC')}, length(activities),
                arrayCount(stamp -> stamp <= toUnixTimestamp64Micro({cut:DateTime64(6, 'UTC')}), all_stamps_us)) AS happened
        FROM timed
    ),
    parted AS
    (
        SELECT
            case_id, started_at, date_only, due_at, attributes,
            happened = length(activities) AS whole,
            happened AS events,
            ended_at AS whole_ended_at,
            human_touches AS all_human_touches,
            arraySlice(activities, 1, happened) AS path,
            arraySlice(waits_us, 1, happened - 1) AS waits_us,
            arraySlice(all_stamps_us, 1, happened) AS stamps_us,
            arraySlice(sources, 1, happened) AS sources,
            arraySlice(actors, 1, happened) AS actors,
            arraySlice(outcomes, 1, happened) AS outcomes
        FROM counted
        WHERE happened > 0
    )
SELECT
    parted.* EXCEPT (path, whole_ended_at, all_human_touches),
    path AS activities,
    if(whole = 1, whole_ended_at, fromUnixTimestamp64Micro(stamps_us[-1], 'UTC')) AS ended_at,
    multiIf(
        empty({ends:Array(String)}), 'unknown',
        hasAny(path, arrayMap(name -> toUInt32(sipHash64(name)), {ends:Array(String)})), 'complete',
        'open') AS state,
    if(whole = 1, toNullable(all_human_touches), NULL) AS human_touches
FROM parted

-- Build the paths of cases that have promises: one row of case_paths per case with at least one event of the process.
-- Right for those without promises too, but dearer than build_described_paths.sql.
-- Parameters: table (case_paths, or rebuilt_paths of the same shape), tenant, process, object_type, version; those of
-- built_cases: activities, lifecycles, ranks, ends, case_attributes, named_sources, tied, started, after, upto, incremental,
-- since_batch, through_batch; those of described_cases: takes, population_names, population_attributes, population_values.
-- The promises, one entry each: promise_froms ('' the start of the case) and promise_from_takes, promise_tos and
-- promise_to_takes, promise_units (elapsed | time | days | attribute), promise_amounts (microseconds or days),
-- promise_attributes; whom they are made to: conditional (1: one of them has conditions), condition_attributes and
-- condition_values (what must hold of a case, then what must not; kernel/condition.py); their pauses (kernel/promise.py): pausing (1: one of them has some), pause_froms and pause_tos; and
-- their curves (mining/due_curves.py): position_curves, due_curves and pause_curves (where the keys of the curve begin, 0
-- for none) in the table curves.
INSERT INTO {table:Identifier}
(
    tenant, process, case_id, version, is_deleted, started_at, ended_at, due_at, dues, kept, lates_us, paused_since, state,
    population, events, variant, activities, waits_us, services_us, sources, actors, outcomes, assumed, date_only, rework,
    human_touches, retries, attributes
)
WITH
    -- Promises, one entry of each array per promise. Each step is a query of its own, else names would be expanded in
    -- each other. made: whether it is promised to the case. begun: the place of the event that starts
    -- the clock, 0 for none.
    offered AS
    (
        SELECT
            described.*,
            if({conditional:UInt8} = 0,
                arrayMap(name -> toUInt8(1), {promise_froms:Array(String)}),
                arrayMap(
                    holding -> (holding[1] = 1) AND NOT has(arrayPopFront(holding), 1),
                    arrayMap(
                        (all_names, all_values) -> arrayMap(
                            (names, wanted) -> toUInt8(arrayAll((name, values) -> has(values, attributes[name]), names, wanted)),
                            all_names, all_values),
                        {condition_attributes:Array(Array(Array(String)))},
                        {condition_values:Array(Array(Array(Array(String))))}))) AS made
        FROM
            described_cases(
                tenant = {tenant:String},
                process = {process:String},
                object_type = {object_type:String},
                activities = {activities:Array(String)},
                lifecycles = {lifecycles:Array(String)},
                ranks = {ranks:Array(String)},
                ends = {ends:Array(String)},
                case_attributes = {case_attributes:Array(String)},
                named_sources = {named_sources:Array(String)},
                tied = {tied:UInt8},
                started = {started:UInt8},
                after = {after:String},
                upto = {upto:String},
                incremental = {incremental:UInt8},
                since_batch = {since_batch:UInt64},
                through_batch = {through_batch:UInt64},
                takes = {takes:Array(String)},
                population_names = {population_names:Array(String)},
                population_attributes = {population_attributes:Array(String)},
                population_values = {population_values:Array(Array(String))}) AS described
    ),
    begun AS
    (
        SELECT
            offered.*,
            if(({started:UInt8} = 1) AND (begins[1] >= 0), begins[1], -1) AS known_start,
            arrayMap(
                (name, take, promised) -> multiIf(
                    promised = 0, 0,
                    name = '', 1,
                    take = 'last', arrayLastIndex(key -> key = toUInt32(sipHash64(name)), activities),
                    indexOf(activities, toUInt32(sipHash64(name)))),
                {promise_froms:Array(String)}, {promise_from_takes:Array(String)}, made) AS from_places
        FROM offered
    ),
    clocked AS
    (
        SELECT
            begun.*,
            arrayMap(
                (name, place) -> multiIf(place = 0, -1, (name = '') AND (known_start >= 0), known_start, earliest[place]),
                {promise_froms:Array(String)}, from_places) AS from_lows,
            arrayMap(
                (name, place) -> multiIf(place = 0, -1, (name = '') AND (known_start >= 0), known_start, stamps[place]),
                {promise_froms:Array(String)}, from_places) AS from_stamps,
            arrayMap(name -> attributes[name], {promise_attributes:Array(String)}) AS written_dues
        FROM begun
    ),
    positioned AS
    (
        WITH (SELECT arrayPushFront(arraySort(groupArray(begins)), -1) FROM {curves:Identifier}) AS keys
        SELECT
            clocked.*,
            arrayMap(
                (low, names, take) -> multiIf(
                    low < 0, 0,
                    take = 'last',
                    arrayLastIndex((key, stamp) -> (stamp >= low) AND has(names, key), activities, stamps),
                    arrayFirstIndex((key, stamp) -> (stamp >= low) AND has(names, key), activities, stamps)),
                from_lows,
                arrayMap(names -> arrayMap(name -> toUInt32(sipHash64(name)), names), {promise_tos:Array(Array(String))}),
                {promise_to_takes:Array(String)}) AS kept_places,
            arrayMap(
                (unit, low, stamp, curve) -> if(unit = 'days', intDiv(low + stamp, 2), stamp) + curve,
                {promise_units:Array(String)}, from_lows, from_stamps, {position_curves:Array(Int64)}) AS clock_keys,
            arrayMap(key -> transform(roundDown(key, keys), keys, arrayEnumerate(keys), 0), clock_keys) AS clock_places
        FROM clocked
    ),
    aimed AS
    (
        WITH
            (SELECT arrayPushFront(arraySort(groupArray((begins, y, upto))), (-1, -1, -1)) FROM {curves:Identifier}) AS pieces
        SELECT
            positioned.*,
            arrayMap(
                (unit, stamp, amount, curve, key, piece, written) -> multiIf(
                    stamp < 0, -1,
                    unit = 'attribute', multiIf(
                        NOT match(written, '^(19[7-9]|2[0-2]\\d)\\d-\\d\\d-\\d\\d'), -1,
                        toString(toDate32OrNull(left(written, 10))) != left(written, 10), -1,
                        length(written) = 10, (toInt64(assumeNotNull(toDate32OrNull(written))) + 1) * 86400000000 - 1,
                        NOT match(written, '^.{10}[T ]([01]\\d|2[0-3]):[0-5]\\d(:[0-5]\\d([.]\\d{1,6})?)?(Z|[+-]([01]\\d|2[0-3]):?[0-5]\\d)$'), -1,
                        ifNull(toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull(written, 6, 'UTC')), -1)),
                    curve = 0, stamp + amount,
                    piece.2 < 0, -1,
                    least(piece.2 + (key - piece.1), piece.3) + amount),
                {promise_units:Array(String)}, from_stamps, {promise_amounts:Array(Int64)},
                {position_curves:Array(Int64)}, clock_keys, arrayMap(place -> pieces[place], clock_places), written_dues) AS first_targets
        FROM positioned
    ),
    -- ranks: events of one rank follow each other by assumption only.
    ranked AS
    (
        SELECT
            aimed.*,
            if({pausing:UInt8} = 0, [], arrayPushFront(arrayCumSum(wait -> toInt64(wait >= 0), waits_us), toInt64(0))) AS ranks
        FROM aimed
    ),
    -- stretches: of each promise its pauses as (begin, end) by begin, which may overlap, end -1 where one lasts. An event
    -- begins one unless it is before the start for certain, or may be before the last end that is ordered before it.
    halted AS
    (
        SELECT
            ranked.*,
            if({pausing:UInt8} = 0, [], arrayMap(
                (froms, tos, start, start_rank, start_low, start_stamp, kept_stamp) -> arraySort(arrayFlatten(arrayMap(
                    (from, to) -> arrayFilter(
                        stretch -> stretch.1 >= 0,
                        arrayMap(
                            (key, place, rank, low, stamp, end, ended_rank, ended_stamp) -> if(
                                (key = from) AND (start != 0) AND (place != start)
                                    AND ((place > start) OR (rank = start_rank)
                                        OR ((start_low < start_stamp) AND (stamp >= start_low)))
                                    AND (ended_rank != rank) AND ((low = stamp) OR (ended_stamp < low)),
                                (
                                    greatest(stamp, start_stamp),
                                    multiIf(kept_stamp < 0, end, end < 0, kept_stamp, least(end, kept_stamp))
                                ),
                                (toInt64(-1), toInt64(-1))),
                            activities, arrayEnumerate(activities), ranks, earliest, stamps,
                            arrayReverseFill(end -> end >= 0,
                                arrayMap((key, stamp) -> if(key = to, stamp, toInt64(-1)), activities, stamps)),
                            arrayFill(rank -> rank >= 0,
                                arrayMap((key, rank) -> if(key = to, rank, toInt64(-1)), activities, ranks)),
                            arrayFill(stamp -> stamp >= 0,
                                arrayMap((key, stamp) -> if(key = to, stamp, toInt64(-1)), activities, stamps)))),
                    froms, tos))),
                arrayMap(names -> arrayMap(name -> toUInt32(sipHash64(name)), names), {pause_froms:Array(Array(String))}),
                arrayMap(names -> arrayMap(name -> toUInt32(sipHash64(name)), names), {pause_tos:Array(Array(String))}),
                from_places, arrayMap(place -> ranks[place], from_places), from_lows, from_stamps,
                arrayMap(place -> if(place = 0, toInt64(-1), stamps[place]), kept_places))) AS stretches
        FROM ranked
    ),
    -- marks: of each promise the begins and then the ends of its pauses, as keys of its curve.
    marked AS
    (
        WITH (SELECT arrayPushFront(arraySort(groupArray(begins)), -1) FROM {curves:Identifier}) AS keys
        SELECT
            halted.*,
            if({pausing:UInt8} = 0, [], arrayMap(
                (pauses, curve) -> arrayMap(
                    at -> at + curve, arrayConcat(pauses.1, arrayMap(pause -> if(pause.2 < 0, pause.1, pause.2), pauses))),
                stretches, {pause_curves:Array(Int64)})) AS marks,
            arrayMap(
                every -> arrayMap(mark -> transform(roundDown(mark, keys), keys, arrayEnumerate(keys), 0), every),
                marks) AS mark_places
        FROM halted
    ),
    weighed AS
    (
        WITH
            (SELECT arrayPushFront(arraySort(groupArray((begins, y, upto))), (-1, -1, -1)) FROM {curves:Identifier}) AS pieces
        SELECT
            marked.*,
            if({pausing:UInt8} = 0, [], arrayMap(
                (every, places, curve) -> arrayMap(
                    (mark, piece) -> if(curve = 0, mark, least(piece.2 + (mark - piece.1), piece.3)),
                    every, arrayMap(place -> pieces[place], places)),
                marks, mark_places, {pause_curves:Array(Int64)})) AS positions
        FROM marked
    ),
    -- Pause by pause: where the clock runs out now, the position and the instant up to which it has stood, since when it
    -- stands in one stretch, and the same where it still does (else -1). What begins when it has run out changes nothing.
    stood AS
    (
        SELECT
            weighed.*,
            if({pausing:UInt8} = 0, [], arrayMap(
                (pauses, every, target, amount) -> arrayFold(
                    (clock, pause, begin, end) -> multiIf(
                        (clock.5 >= 0) OR (greatest(begin, target - amount) >= clock.1), clock,
                        pause.2 < 0, (
                            clock.1, clock.2, clock.3, clock.4, if(pause.1 <= clock.3, clock.4, pause.1)),
                        (
                            clock.1 + greatest(toInt64(0), end - greatest(begin, clock.2)),
                            greatest(clock.2, end),
                            greatest(clock.3, pause.2),
                            if(pause.1 <= clock.3, clock.4, pause.1),
                            toInt64(-1)
                        )),
                    pauses,
                    arraySlice(every, 1, length(pauses)),
                    arraySlice(every, length(pauses) + 1),
                    (target, target - amount, toInt64(-1), toInt64(-1), toInt64(-1))),
                stretches, positions, first_targets, {promise_amounts:Array(Int64)})) AS clocks
        FROM weighed
    ),
    postponed AS
    (
        SELECT
            stood.*,
            if({pausing:UInt8} = 0, first_targets,
                arrayMap(clock -> if(clock.5 >= 0, toInt64(-1), clock.1), clocks)) AS targets,
            if({pausing:UInt8} = 0, arrayMap(target -> toInt64(-1), first_targets), clocks.5) AS pauses_us
        FROM stood
    ),
    found AS
    (
        WITH (SELECT arrayPushFront(arraySort(groupArray(begins)), -1) FROM {curves:Identifier}) AS keys
        SELECT
            postponed.*,
            arrayMap(
                (target, curve, written) -> if((target < 0) OR (length(written) > 10), 0, curve),
                targets, {due_curves:Array(Int64)}, written_dues) AS last_curves,
            arrayMap(
                (target, curve) -> transform(roundDown(target + curve, keys), keys, arrayEnumerate(keys), 0),
                targets, last_curves) AS due_places
        FROM postponed
    ),
    dated AS
    (
        WITH
            (SELECT arrayPushFront(arraySort(groupArray((begins, y, upto))), (-1, -1, -1)) FROM {curves:Identifier}) AS pieces
        SELECT
            found.*,
            arrayMap(
                (target, curve, piece) -> multiIf(
                    curve = 0, target,
                    piece.2 < 0, -1,
                    least(piece.2 + (target + curve - piece.1), piece.3)),
                targets, last_curves, arrayMap(place -> pieces[place], due_places)) AS dues_us
        FROM found
    ),
    promised AS
    (
        SELECT
            dated.*,
            arrayMap(us -> fromUnixTimestamp64Micro(if(us < 0, NULL, us), 'UTC'), dues_us) AS dues,
            arrayMap(place -> fromUnixTimestamp64Micro(if(place = 0, NULL, stamps[place]), 'UTC'), kept_places) AS kepts,
            arrayMap(
                (due, place) -> multiIf(
                    (due < 0) OR (place = 0), -1,
                    (stamps[place] <= due) OR (earliest[place] < due), 0,
                    stamps[place] - due),
                dues_us, kept_places) AS lates_us,
            arrayFilter((due, place) -> isNotNull(due) AND (place = 0), dues, kept_places) AS unkept,
            if(notEmpty(unkept), arrayMin(unkept), arrayMax(arrayFilter(due -> isNotNull(due), dues))) AS due
        FROM dated
    )
SELECT
    {tenant:String}, {process:String}, case_id, {version:UInt64}, 0, started_at, ended_at, due, dues, kepts, lates_us,
    arrayMap(us -> fromUnixTimestamp64Micro(if(us < 0, NULL, us), 'UTC'), pauses_us), state, population, events, variant,
    activities, waits_us, services_us, sources, actors, outcomes, assumed, date_only, rework, human_touches, retries, attributes
FROM promised
SETTINGS
    optimize_on_insert = 0, -- there is one row per case: looking for copies among them took a third of the insert
    query_plan_merge_expressions = 0 -- merging the steps took a third of what a small build takes, and made no large one faster

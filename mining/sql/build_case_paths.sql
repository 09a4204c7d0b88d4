-- Build the paths of cases: one row of case_paths per case with at least one event of the process.
-- Parameters: table (case_paths, or rebuilt_paths of the same shape), tenant, process, object_type, version; the
-- definition: activities, lifecycles, ranks, ends, case_attributes and takes (first | last | max), population_names,
-- population_attributes, population_values; the part to build: object ids in (after, upto] ('' for no bound) and, when
-- incremental is 1, only objects touched by batches in (since_batch, through_batch]; and what the events to be read may
-- have (projection_facts.sql), for nothing is done for what they have not: tied (1: several sources, business dates or
-- ranks), started (1: activities with a start), attributed (1: cases with attributes). 1 is always right. Events that
-- the process's link paths reach belong to the case.
-- The promises, one entry each: promise_froms ('' the start of the case) and promise_from_takes, promise_tos and
-- promise_to_takes, promise_units (elapsed | time | days | attribute), promise_amounts (microseconds or days),
-- promise_attributes; and their curves (mining/due_curves.py): position_curves and due_curves (where the keys of the
-- curve begin, 0 for none) in the table curves.
-- Order within a case: order_at, rank of the activity, source, sequence, event_id. A pair is assumed when its events'
-- intervals overlap, or when two events of one source and instant are told apart by rank or id alone.
INSERT INTO {table:Identifier}
(
    tenant, process, case_id, version, is_deleted, started_at, ended_at, due_at, dues, kept, lates_us, state, population,
    events, variant, activities, waits_us, services_us, sources, actors, outcomes, assumed, date_only, rework, human_touches,
    retries, attributes
)
WITH
    related AS
    (
        SELECT
            object_id,
            toUnixTimestamp64Micro(order_at) AS stamp,
            if(empty({ranks:Array(String)}), 0, toUInt32(indexOf({ranks:Array(String)}, activity))) AS rank,
            if({tied:UInt8} = 0, '', toString(source)) AS named_source,
            sequence,
            event_id,
            toUInt32(sipHash64(activity)) AS activity_key,
            toUInt32(sipHash64(source)) AS source_key,
            actor_key,
            toInt8(outcome) AS outcome_key,
            -- What few logs have: the earliest instant, the width of the precision, whether known to the day, the start.
            if(({tied:UInt8} = 0) AND ({started:UInt8} = 0), [], [
                toUnixTimestamp64Micro(occurred_at),
                toInt64([0, 999, 999999, 59999999, 0][toInt8(precision) + 1]),
                toInt64(precision = 'day'),
                ifNull(toUnixTimestamp64Micro(started_at), -1)]) AS spans,
            if(empty({case_attributes:Array(String)}), [],
                arrayMap(name -> JSONExtractRaw(attributes, name), {case_attributes:Array(String)})) AS extracted,
            actor_kind = 'human' AS by_human,
            outcome = 'retry' AS is_retry
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND derived_for IN ('', {process:String})
            AND object_id > {after:String}
            AND ({upto:String} = '' OR object_id <= {upto:String})
            AND ({incremental:UInt8} = 0 OR object_id IN (
                SELECT object_id
                FROM touched(
                    tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                    since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})))
            AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
            AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
    ),
    -- A case's events as tuples, in order: sorting them is cheaper than reading all events in their order, since parts of
    -- the table overlap. The first five places are the order.
    ordered AS
    (
        SELECT
            object_id,
            arraySort(groupArray((
                stamp, rank, named_source, sequence, event_id, activity_key, source_key, actor_key, outcome_key, spans,
                extracted))) AS steps,
            countIf(by_human) AS human,
            countIf(is_retry) AS retry
        FROM related
        GROUP BY object_id
    ),
    paths AS
    (
        SELECT
            object_id, human, retry, steps.1 AS stamps, steps.2 AS rank_keys, steps.4 AS sequences, steps.6 AS activity_keys,
            steps.7 AS source_keys, steps.8 AS actor_keys, steps.9 AS outcome_keys, steps.11 AS extracts,
            if({tied:UInt8} = 0, [], arrayMap(span -> span[1], steps.10)) AS lows,
            if({tied:UInt8} = 0, [], arrayMap(span -> span[2], steps.10)) AS slacks,
            if({tied:UInt8} = 0, [], arrayMap(span -> span[3] = 1, steps.10)) AS days,
            if({started:UInt8} = 0, [], arrayMap(span -> span[4], steps.10)) AS begins
        FROM ordered
    ),
    own AS
    (
        SELECT object_id, mapFromArrays(groupArray(toString(attribute)), groupArray(current)) AS attributes
        FROM
        (
            SELECT object_id, attribute, argMax(value, (changed_at, toString(source), value)) AS current
            FROM object_attributes
            WHERE tenant = {tenant:String}
                AND object_type = {object_type:String}
                AND object_id > {after:String}
                AND ({upto:String} = '' OR object_id <= {upto:String})
                AND attribute != ''
                AND {attributed:UInt8} = 1
                AND ({incremental:UInt8} = 0 OR object_id IN (
                    SELECT object_id
                    FROM touched(
                        tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                        since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})))
            GROUP BY object_id, attribute
            ORDER BY object_id, attribute
        )
        GROUP BY object_id
    ),
    described AS
    (
        SELECT
            paths.*,
            if({tied:UInt8} = 0,
                arrayMap(
                    (stamp, next_stamp, sequence, next_sequence) -> (stamp = next_stamp) AND (sequence = next_sequence),
                    arrayPopBack(stamps), arrayPopFront(stamps), arrayPopBack(sequences), arrayPopFront(sequences)),
                arrayMap(
                    (low, slack, is_day, stamp, source, rank, sequence, next_low, next_is_day, next_stamp, next_source,
                        next_rank, next_sequence) -> if(
                            (source = next_source) AND NOT is_day AND NOT next_is_day,
                            (stamp = next_stamp) AND ((rank != next_rank) OR (sequence = next_sequence)),
                            next_low <= stamp + slack),
                    arrayPopBack(lows), arrayPopBack(slacks), arrayPopBack(days), arrayPopBack(stamps),
                    arrayPopBack(source_keys), arrayPopBack(rank_keys), arrayPopBack(sequences), arrayPopFront(lows),
                    arrayPopFront(days), arrayPopFront(stamps), arrayPopFront(source_keys), arrayPopFront(rank_keys),
                    arrayPopFront(sequences))) AS assumptions,
            if({attributed:UInt8} = 0, map(), mapUpdate(
                own.attributes,
                CAST(
                    arrayFilter(
                        pair -> pair.2 != '',
                        arrayMap(
                            (name, take, position) -> (
                                name,
                                if(take = 'max',
                                    arraySort(
                                        value -> (isNotNull(toFloat64OrNull(value)), ifNull(toFloat64OrNull(value), 0), value),
                                        arrayMap(values -> values[position], extracts))[-1],
                                    arrayElementOrNull(
                                        arrayFilter(value -> value != '', arrayMap(values -> values[position], extracts)),
                                        if(take = 'first', 1, -1)))),
                            {case_attributes:Array(String)},
                            {takes:Array(String)},
                            arrayEnumerate({case_attributes:Array(String)}))),
                    'Map(String, String)'))) AS raw_attributes,
            mapApply(
                (name, raw) -> (
                    name,
                    multiIf(
                        startsWith(raw, '"'), JSONExtractString(raw),
                        startsWith(raw, '{"$date"'), JSONExtractString(raw, '$date'),
                        startsWith(raw, '{"$id"'), JSONExtractString(raw, '$id'),
                        startsWith(raw, '{"$nested"'), JSONExtractString(raw, '$value'),
                        raw)),
                raw_attributes) AS shown_attributes
        FROM paths
        LEFT JOIN own ON own.object_id = paths.object_id
    ),
    -- Promises, one entry of each array per promise. Each step is a query of its own, else names would be expanded in
    -- each other. begun: the place of the event that starts the clock, 0 for none.
    begun AS
    (
        SELECT
            described.*,
            if({tied:UInt8} = 1, lows, stamps) AS earliest,
            if(({started:UInt8} = 1) AND (begins[1] >= 0), begins[1], -1) AS known_start,
            arrayMap(
                (name, take) -> multiIf(
                    name = '', 1,
                    take = 'last', arrayLastIndex(key -> key = toUInt32(sipHash64(name)), activity_keys),
                    indexOf(activity_keys, toUInt32(sipHash64(name)))),
                {promise_froms:Array(String)}, {promise_from_takes:Array(String)}) AS from_places
        FROM described
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
            arrayMap(name -> shown_attributes[name], {promise_attributes:Array(String)}) AS written_dues
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
                    arrayLastIndex((key, stamp) -> (stamp >= low) AND has(names, key), activity_keys, stamps),
                    arrayFirstIndex((key, stamp) -> (stamp >= low) AND has(names, key), activity_keys, stamps)),
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
                {position_curves:Array(Int64)}, clock_keys, arrayMap(place -> pieces[place], clock_places), written_dues) AS targets
        FROM positioned
    ),
    found AS
    (
        WITH (SELECT arrayPushFront(arraySort(groupArray(begins)), -1) FROM {curves:Identifier}) AS keys
        SELECT
            aimed.*,
            arrayMap(
                (target, curve, written) -> if((target < 0) OR (length(written) > 10), 0, curve),
                targets, {due_curves:Array(Int64)}, written_dues) AS last_curves,
            arrayMap(
                (target, curve) -> transform(roundDown(target + curve, keys), keys, arrayEnumerate(keys), 0),
                targets, last_curves) AS due_places
        FROM aimed
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
    {tenant:String},
    {process:String},
    object_id,
    {version:UInt64},
    0,
    fromUnixTimestamp64Micro(
        multiIf(({started:UInt8} = 1) AND (begins[1] >= 0), begins[1], {tied:UInt8} = 1, lows[1], stamps[1]), 'UTC'),
    fromUnixTimestamp64Micro(if({tied:UInt8} = 1, arrayMax(lows), stamps[-1]), 'UTC'),
    if(empty({promise_units:Array(String)}), NULL, due),
    if(empty({promise_units:Array(String)}), [], dues),
    if(empty({promise_units:Array(String)}), [], kepts),
    if(empty({promise_units:Array(String)}), [], lates_us),
    multiIf(
        empty({ends:Array(String)}), 'unknown',
        hasAny(activity_keys, arrayMap(name -> toUInt32(sipHash64(name)), {ends:Array(String)})), 'complete',
        'open'),
    if(empty({population_names:Array(String)}), '',
        {population_names:Array(String)}[arrayFirstIndex(
            (name, wanted) -> has(wanted, shown_attributes[name]),
            {population_attributes:Array(String)},
            {population_values:Array(Array(String))})]),
    length(activity_keys),
    sipHash64(activity_keys),
    activity_keys,
    if({started:UInt8} = 0,
        arrayMap((assumed, wait) -> if(assumed, -1, wait), assumptions, arrayPopFront(arrayDifference(stamps))),
        arrayMap(
            (assumed, stamp, next_stamp, next_begun) -> if(
                assumed, -1, greatest(0, if(next_begun >= 0, next_begun, next_stamp) - stamp)),
            assumptions, arrayPopBack(stamps), arrayPopFront(stamps), arrayPopFront(begins))),
    if(({started:UInt8} = 1) AND arrayExists(begun -> begun >= 0, begins),
        arrayMap((begun, stamp) -> if(begun >= 0, stamp - begun, -1), begins, stamps),
        []),
    source_keys,
    actor_keys,
    outcome_keys,
    arrayCount(assumed -> assumed, assumptions),
    arrayCount(is_day -> is_day, days),
    length(activity_keys) - arrayUniq(activity_keys),
    human,
    retry,
    shown_attributes
FROM promised
SETTINGS optimize_on_insert = 0 -- there is one row per case: looking for copies among them took a third of the insert

-- The cases of a process as its events tell them: one row per object with at least one event of the process, with every
-- column of case_paths but those of promises and attributes, and with what those are made of. What the process's link
-- paths reach belongs to the case.
-- The definition: activities, lifecycles, ranks, ends, case_attributes. The part to build: object ids in (after, upto]
-- ('' for no bound) and, when incremental is 1, only objects touched by batches in (since_batch, through_batch]. What the
-- events may have (mining/sql/projection_facts.sql), for nothing is done for what they have not: tied (1: several
-- sources, business dates or ranks), started (1: activities with a start); 1 is always right. named_sources: all sources
-- that they have, ascending.
-- Order within a case: order_at, rank of the activity, name of the source, sequence, event_id. A pair is assumed when its
-- events' intervals overlap, or when two events of one source and instant are told apart by rank or id alone.
-- stamps: order_at in microseconds. earliest: the first microsecond that an event may mean, equal to stamps unless tied is
-- 1. begins: start of the activity in microseconds, -1 unknown; empty unless started is 1. extracts: of each event the
-- raw values of the case attributes, empty when there are none.
CREATE VIEW IF NOT EXISTS built_cases AS
WITH
    ({tied:UInt8} = 0) AND ({started:UInt8} = 0) AND empty({case_attributes:Array(String)}) AS plain,
    arrayMap(name -> toUInt32(sipHash64(name)), {ranks:Array(String)}) AS ranked,
    arrayMap(name -> toUInt32(sipHash64(name)), {named_sources:Array(String)}) AS places,
    -- One array per column and not one of tuples, since the engine gathers numbers several times faster than rows.
    gathered AS
    (
        SELECT
            object_id,
            arrayZip(
                groupArray(toUnixTimestamp64Micro(order_at)),
                groupArray(sequence),
                groupArray(byteSwap(reinterpretAsUInt128(event_id))), -- compares as the bytes do
                groupArray(toUInt32(sipHash64(activity))),
                groupArray(toUInt32(sipHash64(source))),
                groupArray(actor_key),
                groupArray(toInt8(outcome))) AS events,
            groupArrayIf(if(plain, 0, toUnixTimestamp64Micro(occurred_at)), NOT plain) AS lows,
            groupArrayIf(if(plain, 0, [0, 999, 999999, 59999999, 0][toInt8(precision) + 1]), NOT plain) AS slacks,
            groupArrayIf(if(plain, 0, toUInt8(precision = 'day')), NOT plain) AS days,
            groupArrayIf(if(plain, 0, ifNull(toUnixTimestamp64Micro(started_at), -1)), NOT plain) AS begins,
            groupArrayIf(
                if(plain, [], arrayMap(name -> JSONExtractRaw(attributes, name), {case_attributes:Array(String)})),
                NOT plain) AS extracts,
            countIf(actor_kind = 'human') AS human_touches,
            countIf(outcome = 'retry') AS retries
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
        GROUP BY object_id
    ),
    -- In order: the first of an event's places that differ decide. numbers: where its other columns are.
    ordered AS
    (
        SELECT
            gathered.* EXCEPT (events),
            if(plain, arraySort(events), []) AS plain_steps,
            if(plain, [], arraySort(
                step -> (step.1, indexOf(ranked, step.4), indexOf(places, step.5), step.2, step.3, step.8),
                arrayMap((event, number) -> (event.1, event.2, event.3, event.4, event.5, event.6, event.7, number),
                    events, arrayEnumerate(events)))) AS steps
        FROM gathered
    ),
    placed AS
    (
        SELECT
            object_id,
            human_touches,
            retries,
            if(plain, plain_steps.1, steps.1) AS stamps,
            if(plain, plain_steps.2, steps.2) AS sequences,
            if(plain, plain_steps.4, steps.4) AS activity_keys,
            if(plain, plain_steps.5, steps.5) AS source_keys,
            if(plain, plain_steps.6, steps.6) AS actor_keys,
            if(plain, plain_steps.7, steps.7) AS outcome_keys,
            if({tied:UInt8} = 0, [], arrayMap(number -> lows[number], steps.8)) AS lows_,
            if({tied:UInt8} = 0, [], arrayMap(number -> slacks[number], steps.8)) AS slacks_,
            if({tied:UInt8} = 0, [], arrayMap(number -> days[number], steps.8)) AS days_,
            if({started:UInt8} = 0, [], arrayMap(number -> begins[number], steps.8)) AS begins_,
            if(empty({case_attributes:Array(String)}), [], arrayMap(number -> extracts[number], steps.8)) AS extracts_
        FROM ordered
    ),
    paired AS
    (
        SELECT
            placed.*,
            if({tied:UInt8} = 0, stamps, lows_) AS lows,
            if({tied:UInt8} = 0,
                arrayMap(
                    (stamp, next_stamp, sequence, next_sequence) -> (stamp = next_stamp) AND (sequence = next_sequence),
                    arrayPopBack(stamps), arrayPopFront(stamps), arrayPopBack(sequences), arrayPopFront(sequences)),
                arrayMap(
                    (low, slack, is_day, stamp, source, activity, sequence, next_low, next_is_day, next_stamp, next_source,
                        next_activity, next_sequence) -> if(
                            (source = next_source) AND NOT is_day AND NOT next_is_day,
                            (stamp = next_stamp) AND (
                                (indexOf(ranked, activity) != indexOf(ranked, next_activity))
                                OR (sequence = next_sequence)),
                            next_low <= stamp + slack),
                    arrayPopBack(lows_), arrayPopBack(slacks_), arrayPopBack(days_), arrayPopBack(stamps),
                    arrayPopBack(source_keys), arrayPopBack(activity_keys), arrayPopBack(sequences), arrayPopFront(lows_),
                    arrayPopFront(days_), arrayPopFront(stamps), arrayPopFront(source_keys), arrayPopFront(activity_keys),
                    arrayPopFront(sequences))) AS assumptions
        FROM placed
    )
SELECT
    object_id AS case_id,
    stamps,
    lows AS earliest,
    begins_ AS begins,
    extracts_ AS extracts,
    if({started:UInt8} = 1 AND begins[1] >= 0, begins[1], lows[1]) AS start_us,
    fromUnixTimestamp64Micro(start_us, 'UTC') AS started_at,
    fromUnixTimestamp64Micro(if({tied:UInt8} = 1, arrayMax(lows), stamps[-1]), 'UTC') AS ended_at,
    multiIf(
        empty({ends:Array(String)}), 'unknown',
        hasAny(activity_keys, arrayMap(name -> toUInt32(sipHash64(name)), {ends:Array(String)})), 'complete',
        'open') AS state,
    length(activity_keys) AS events,
    sipHash64(activity_keys) AS variant,
    activity_keys AS activities,
    if({started:UInt8} = 0,
        arrayMap((assumed, wait) -> if(assumed, -1, wait), assumptions, arrayPopFront(arrayDifference(stamps))),
        arrayMap(
            (assumed, stamp, next_stamp, next_begun) -> if(
                assumed, -1, greatest(0, if(next_begun >= 0, next_begun, next_stamp) - stamp)),
            assumptions, arrayPopBack(stamps), arrayPopFront(stamps), arrayPopFront(begins_))) AS waits_us,
    if(({started:UInt8} = 1) AND arrayExists(begun -> begun >= 0, begins_),
        arrayMap((begun, stamp) -> if(begun >= 0, stamp - begun, -1), begins_, stamps),
        []) AS services_us,
    source_keys AS sources,
    actor_keys AS actors,
    outcome_keys AS outcomes,
    arrayCount(assumed -> assumed, assumptions) AS assumed,
    arrayCount(is_day -> is_day, days_) AS date_only,
    length(activity_keys) - arrayUniq(activity_keys) AS rework,
    human_touches,
    retries
FROM paired

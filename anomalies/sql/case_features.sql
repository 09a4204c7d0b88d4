-- Cases as a detector sees them at an instant: one row each. case_id, state, segment (value of segment_attribute),
-- started_at, last_at, due_at, attributes (JSON), last_activity. Seconds: duration_s (of an open case its age),
-- longest_wait_s with longest_from and longest_to ('' : it still waits), pending_s (since the last event, null unless
-- open), usual_waits_s (the longest wait of each of the usual steps, in their order; null where it has none).
-- slowest_excess, slowest_wait_s, slowest_from, slowest_to: the wait that is farthest above what its step usually
-- takes: ln((wait + 60 s) / (median + 60 s)) / ln((p95 + 60 s) / (median + 60 s)), the divisor at least 0.2; so 1 is
-- the 95th percentile. Counts: events, rework, handovers (pairs of events of two actors, or of two sources where one
-- has no actor), human_touches (null where the case is cut), retries, missing_steps (usual activities that a case that
-- is over lacks; null while open) with missing_step (the most usual one). Bits: rarest_bits, the rarest step by -log2
-- of the share of times that its source goes on so, with rarest_from and rarest_to; mean_bits over the steps;
-- variant_bits, -log2 of the share of the variant (null while open). A case that is not open is over.
-- Ordered by case_id, the first `page` after after_case. Parameters: the filter (mining/filters.py), ends, cut,
-- after_case, page, segment_attribute; per learned step: step_sources, step_targets, step_bits, step_p50s_s,
-- step_spreads (the divisor above); unknown_bits for every other; per activity: next_activities, next_p50s_s,
-- next_spreads of what follows; usual_activities; usual_sources, usual_targets; usual_variants (ids),
-- variant_bits_known, unknown_variant_bits.
WITH
    (
        SELECT (groupArray(toUInt32(key)), groupArray(name))
        FROM (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    arrayMap(
        (source, target) -> bitOr(
            bitShiftLeft(toUInt64(if(source = '', 0, toUInt32(sipHash64(source)))), 32),
            toUInt64(if(target = '', 0, toUInt32(sipHash64(target))))),
        arrayConcat({step_sources:Array(String)}, ['\0']),
        arrayConcat({step_targets:Array(String)}, ['\0'])) AS step_keys,
    arrayConcat({step_bits:Array(Float64)}, [0.]) AS known_bits,
    arrayConcat({step_p50s_s:Array(Float64)}, [-1.]) AS known_p50s,
    arrayConcat({step_spreads:Array(Float64)}, [1.]) AS known_spreads,
    arrayMap(name -> toUInt32(sipHash64(name)), arrayConcat({next_activities:Array(String)}, ['\0'])) AS next_keys,
    arrayConcat({next_p50s_s:Array(Float64)}, [-1.]) AS known_next_p50s,
    arrayConcat({next_spreads:Array(Float64)}, [1.]) AS known_next_spreads,
    arrayMap(
        (source, target) -> bitOr(
            bitShiftLeft(toUInt64(toUInt32(sipHash64(source))), 32), toUInt64(toUInt32(sipHash64(target)))),
        {usual_sources:Array(String)},
        {usual_targets:Array(String)}) AS usual_keys,
    paths AS
    (
        SELECT
            *,
            if({segment_attribute:String} = '', '', attributes[{segment_attribute:String}]) AS segment_value,
            state = 'open' AS running,
            toUnixTimestamp64Micro({cut:DateTime64(6, 'UTC')}) AS cut_us,
            greatest(0, (cut_us - toUnixTimestamp64Micro(ended_at)) / 1e6) AS since_last_s,
            arrayMap(wait -> wait / 1e6, waits_us) AS waits_s,
            arrayMap(
                (source, target) -> bitOr(bitShiftLeft(toUInt64(source), 32), toUInt64(target)),
                arrayPopBack(activities), arrayPopFront(activities)) AS pairs,
            arrayConcat(
                [toUInt64(activities[1])],
                pairs,
                if(running, [], [bitShiftLeft(toUInt64(activities[-1]), 32)])) AS all_steps,
            arrayMap(step -> transform(step, step_keys, known_bits, {unknown_bits:Float64}), all_steps) AS all_bits,
            arrayMap(step -> transform(step, step_keys, known_p50s, -1.), pairs) AS p50s,
            arrayMap(step -> transform(step, step_keys, known_spreads, 1.), pairs) AS spreads,
            transform(activities[-1], next_keys, known_next_p50s, -1.) AS next_p50,
            transform(activities[-1], next_keys, known_next_spreads, 1.) AS next_spread,
            arrayPushBack(
                arrayMap(
                    (wait, p50, spread) -> if(wait < 0 OR p50 < 0, -1e9, log((wait + 60) / (p50 + 60)) / spread),
                    waits_s, p50s, spreads),
                if(running AND next_p50 >= 0, log((since_last_s + 60) / (next_p50 + 60)) / next_spread, -1e9)) AS excesses,
            arrayPushBack(waits_s, if(running, since_last_s, -1.)) AS all_waits_s,
            indexOf(excesses, arrayMax(excesses)) AS slowest,
            indexOf(all_waits_s, arrayMax(all_waits_s)) AS longest,
            indexOf(all_bits, arrayMax(all_bits)) AS rarest,
            arrayFilter(
                name -> NOT has(activities, toUInt32(sipHash64(name))), {usual_activities:Array(String)}) AS lacking,
            lower(leftPad(hex(sipHash64(activities)), 16, '0')) AS variant_id
        FROM cut_cases(
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
            states = {states:Array(String)},
            ends = {ends:Array(String)},
            cut = {cut:DateTime64(6, 'UTC')})
        WHERE case_id > {after_case:String}
        ORDER BY case_id
        LIMIT {page:UInt64}
    )
SELECT
    case_id,
    state,
    segment_value AS segment,
    started_at,
    ended_at AS last_at,
    due_at,
    toJSONString(attributes) AS attributes,
    transform(activities[-1], dictionary.1, dictionary.2, '') AS last_activity,
    greatest(0, (if(running, cut_us, toUnixTimestamp64Micro(ended_at)) - toUnixTimestamp64Micro(started_at)) / 1e6) AS duration_s,
    if(all_waits_s[longest] < 0, NULL, all_waits_s[longest]) AS longest_wait_s,
    if(all_waits_s[longest] < 0, '', transform(activities[longest], dictionary.1, dictionary.2, '')) AS longest_from,
    if(all_waits_s[longest] < 0, '', transform(activities[longest + 1], dictionary.1, dictionary.2, '')) AS longest_to,
    if(running, since_last_s, NULL) AS pending_s,
    if(excesses[slowest] <= -1e8, NULL, excesses[slowest]) AS slowest_excess,
    if(excesses[slowest] <= -1e8, NULL, all_waits_s[slowest]) AS slowest_wait_s,
    if(excesses[slowest] <= -1e8, '', transform(activities[slowest], dictionary.1, dictionary.2, '')) AS slowest_from,
    if(excesses[slowest] <= -1e8, '', transform(activities[slowest + 1], dictionary.1, dictionary.2, '')) AS slowest_to,
    arrayMap(
        key -> if(NOT has(pairs, key), NULL, nullIf(
            arrayMax(arrayMap((pair, wait) -> if(pair = key, wait, -1.), pairs, waits_s)), -1.)),
        usual_keys) AS usual_waits_s,
    events,
    toUInt64(length(activities) - arrayUniq(activities)) AS rework,
    toUInt64(arraySum(arrayMap(
        (actor, next_actor, source, next_source) -> if(actor != 0 AND next_actor != 0, actor != next_actor, source != next_source),
        arrayPopBack(actors), arrayPopFront(actors), arrayPopBack(sources), arrayPopFront(sources)))) AS handovers,
    human_touches,
    toUInt64(countEqual(outcomes, 3)) AS retries,
    if(running, NULL, toUInt64(length(lacking))) AS missing_steps,
    if(running, '', lacking[1]) AS missing_step,
    all_bits[rarest] AS rarest_bits,
    if(rarest = 1, '', transform(activities[rarest - 1], dictionary.1, dictionary.2, '')) AS rarest_from,
    if(rarest > length(activities), '', transform(activities[rarest], dictionary.1, dictionary.2, '')) AS rarest_to,
    arrayAvg(all_bits) AS mean_bits,
    if(running, NULL, transform(
        variant_id,
        arrayConcat({usual_variants:Array(String)}, ['']),
        arrayConcat({variant_bits_known:Array(Float64)}, [0.]),
        {unknown_variant_bits:Float64})) AS variant_bits
FROM paths
ORDER BY case_id

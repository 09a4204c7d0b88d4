-- The steps that cases take, as learned at an instant: one row per (segment, source, target) with pairs, cases, p50_s,
-- p95_s and p99_s of its waits (seconds; null where no order is sure). source '': the case begins with target. target
-- '': the case is complete and ends with source (its wait is null). segment: value of the case attribute, '' for all
-- cases together, which alone are given where segment_attribute is ''. Most pairs first, then by segment and names; of
-- each segment the first `most`. Cases of `without` do not teach. Parameters: the filter (mining/filters.py), ends, cut,
-- without, segment_attribute, most.
WITH
    (
        SELECT (groupArray(toUInt32(key)), groupArray(name))
        FROM (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    steps AS
    (
        SELECT
            case_id,
            if({segment_attribute:String} = '', [''],
                arrayDistinct(['', attributes[{segment_attribute:String}]])) AS segments,
            arrayPushFront(activities, toUInt32(0)) AS froms,
            arrayPushBack(activities, toUInt32(0)) AS tos,
            arrayPushBack(arrayPushFront(waits_us, toInt64(-1)), toInt64(-1)) AS step_waits_us,
            state != 'open' AS over
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
        WHERE case_id NOT IN {without:Array(String)}
    )
SELECT
    segment,
    transform(step.1, dictionary.1, dictionary.2, '') AS source,
    transform(step.2, dictionary.1, dictionary.2, '') AS target,
    count() AS pairs,
    uniqExact(case_id) AS cases,
    if(countIf(step.3 >= 0) = 0, NULL, quantilesExactInclusiveIf(0.5, 0.95, 0.99)(step.3, step.3 >= 0)[1] / 1e6) AS p50_s,
    if(countIf(step.3 >= 0) = 0, NULL, quantilesExactInclusiveIf(0.5, 0.95, 0.99)(step.3, step.3 >= 0)[2] / 1e6) AS p95_s,
    if(countIf(step.3 >= 0) = 0, NULL, quantilesExactInclusiveIf(0.5, 0.95, 0.99)(step.3, step.3 >= 0)[3] / 1e6) AS p99_s
FROM steps
ARRAY JOIN segments AS segment
ARRAY JOIN arrayZip(froms, tos, step_waits_us) AS step
WHERE over OR step.2 != 0
GROUP BY segment, step.1, step.2
ORDER BY pairs DESC, segment, source, target
LIMIT {most:UInt64} BY segment

-- What cases that are over hold and what follows it, as learned at an instant: one row per activity with cases (in
-- which it occurs), share (0 to 1, of the cases that are over), place (mean place of its first occurrence, from 0 to 1)
-- and next_p50_s, next_p95_s and next_p99_s (wait from it to whatever follows, seconds, null where none is known). The
-- greatest share first, then by name; at most `most`. A case that is not open is over. Cases of `without` do
-- not teach. Parameters: the filter (mining/filters.py), ends, cut, without, most.
WITH
    (
        SELECT (groupArray(toUInt32(key)), groupArray(name))
        FROM (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    paths AS
    (
        SELECT case_id, activities, waits_us
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
        WHERE state != 'open' AND case_id NOT IN {without:Array(String)}
    ),
    (SELECT count() FROM paths) AS total
SELECT
    transform(done.1, dictionary.1, dictionary.2, '') AS activity,
    uniqExact(case_id) AS cases,
    cases / total AS share,
    avgIf(done.3, done.4 = 1) AS place,
    if(countIf(done.2 >= 0) = 0, NULL, quantileExactInclusiveIf(0.5)(done.2, done.2 >= 0) / 1e6) AS next_p50_s,
    if(countIf(done.2 >= 0) = 0, NULL, quantileExactInclusiveIf(0.95)(done.2, done.2 >= 0) / 1e6) AS next_p95_s,
    if(countIf(done.2 >= 0) = 0, NULL, quantileExactInclusiveIf(0.99)(done.2, done.2 >= 0) / 1e6) AS next_p99_s
FROM paths
ARRAY JOIN arrayZip(
    activities,
    arrayPushBack(waits_us, toInt64(-1)),
    arrayMap(number -> (number - 1) / greatest(1, length(activities) - 1), arrayEnumerate(activities)),
    arrayEnumerateUniq(activities)) AS done
GROUP BY done.1
ORDER BY share DESC, activity
LIMIT {most:UInt64}

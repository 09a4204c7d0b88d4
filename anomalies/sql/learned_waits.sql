-- How long an event is usually awaited: one row with waits (answered within settle_us), quantile_us and median_us of
-- these (exact and interpolated, null where there is none). Of the waits that began before watched_until, watched
-- (answered) and late (answered, and not within settle_us). Only waits that began in [learn_since, learn_until) count,
-- and none of cases with business dates. Parameters: the filter (mining/filters.py), ends, cut, after, expect, unless,
-- learn_since, learn_until, watched_until, settle_us, quantile.
WITH
    waits AS
    (
        SELECT asked_us, over_us - asked_us AS wait_us, wait_us <= {settle_us:Int64} AS settled
        FROM awaited_events(
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
            cut = {cut:DateTime64(6, 'UTC')},
            after = {after:String},
            expect = {expect:String},
            unless = {unless:Array(String)})
        WHERE asked_us >= toUnixTimestamp64Micro({learn_since:DateTime64(6, 'UTC')})
            AND asked_us < toUnixTimestamp64Micro({learn_until:DateTime64(6, 'UTC')})
            AND outcome = 'answered'
            AND NOT is_dated
    )
SELECT
    countIf(settled) AS waits,
    if(waits = 0, NULL, quantileExactInclusiveIf({quantile:Float64})(wait_us, settled)) AS quantile_us,
    if(waits = 0, NULL, quantileExactInclusiveIf(0.5)(wait_us, settled)) AS median_us,
    countIf(asked_us < toUnixTimestamp64Micro({watched_until:DateTime64(6, 'UTC')})) AS watched,
    countIf(asked_us < toUnixTimestamp64Micro({watched_until:DateTime64(6, 'UTC')}) AND NOT settled) AS late
FROM waits

-- The cases of a promise: one row each with case_id, store, state (met, breached, at_risk, paused, open), due_at, kept_at,
-- paused_since, late_us, value, currency ('' for none), lost_per_hour, last_activity, last_at, started_at. By lost_per_hour,
-- value and late_us, greatest first and those without one last, then by case id. Cases that are void or whose clock has not
-- started are none of them.
-- Parameters: the filter (mining/filters.py); those of judged_cases: promises (this one alone), now, risky_until, store,
-- value_attribute, value_currency, currency_attribute, lost_amount, lost_currency, lost_share. standings: any of these, none
-- for all. only_late: 1 for those past due and not kept; only_unkept: 1 for all that nothing kept. case_ids: any of these,
-- none for all. The page: at most page rows after after_case (null for the first page) with after_lost, after_value (-1 for
-- none) and after_late_us.
WITH
    (
        SELECT (groupArray(toUInt32(key)), groupArray(name))
        FROM (SELECT key, any(name) AS name FROM names WHERE tenant = {tenant:String} AND kind = 'activity' GROUP BY key)
    ) AS dictionary,
    ranked AS
    (
        SELECT
            judged.*,
            ifNull(lost_per_hour, toDecimal128(-1, 6)) AS lost_rank,
            ifNull(value, toDecimal128(-1, 6)) AS value_rank
        FROM
            judged_cases(
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
                promises = {promises:Array(UInt32)},
                now = {now:DateTime64(6, 'UTC')},
                risky_until = {risky_until:Array(Nullable(DateTime64(6, 'UTC')))},
                store = {store:String},
                value_attribute = {value_attribute:String},
                value_currency = {value_currency:String},
                currency_attribute = {currency_attribute:String},
                lost_amount = {lost_amount:Array(Decimal(38, 6))},
                lost_currency = {lost_currency:Array(String)},
                lost_share = {lost_share:Array(Decimal(38, 18))}) AS judged
        WHERE standing NOT IN ('void', 'not_started')
            AND (empty({standings:Array(String)}) OR has({standings:Array(String)}, standing))
            AND ({only_late:UInt8} = 0 OR late_now)
            AND ({only_unkept:UInt8} = 0 OR isNull(kept_at))
            AND (empty({case_ids:Array(String)}) OR has({case_ids:Array(String)}, case_id))
    )
SELECT
    case_id,
    store,
    standing AS state,
    due_at,
    kept_at,
    paused_since,
    late_us,
    value,
    currency,
    lost_per_hour,
    transform(last_activity_key, dictionary.1, dictionary.2, '') AS last_activity,
    last_at,
    started_at
FROM ranked
WHERE isNull({after_case:Nullable(String)})
    OR lost_rank < {after_lost:Decimal(38, 6)}
    OR (lost_rank = {after_lost:Decimal(38, 6)} AND (
        value_rank < {after_value:Decimal(38, 6)}
        OR (value_rank = {after_value:Decimal(38, 6)} AND (
            late_us < {after_late_us:Int64}
            OR (late_us = {after_late_us:Int64} AND case_id > {after_case:Nullable(String)})))))
ORDER BY lost_rank DESC, value_rank DESC, late_us DESC, case_id
LIMIT {page:UInt64}

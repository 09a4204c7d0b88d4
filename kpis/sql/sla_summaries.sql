-- How promises are kept: one row per promise (its number), standing (met, breached, at_risk, paused, open, void,
-- not_started), late_now and currency ('' for none), with cases, priced (those with a value), value and lost_per_hour (sums;
-- null where no case has one) and oldest_due (the first due instant). By promise, standing, late_now, currency. A promise that
-- no case is selected for has no row.
-- Parameters: the filter (mining/filters.py); those of judged_cases: promises, now, risky_until, store, value_attribute,
-- value_currency, currency_attribute, lost_amount, lost_currency, lost_share.
SELECT
    promise,
    standing,
    late_now,
    currency,
    count() AS cases,
    count(judged.value) AS priced,
    sum(judged.value) AS value,
    sum(judged.lost_per_hour) AS lost_per_hour,
    min(due_at) AS oldest_due
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
GROUP BY promise, standing, late_now, currency
ORDER BY promise, standing, late_now, currency

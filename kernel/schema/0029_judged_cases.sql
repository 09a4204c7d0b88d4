-- How promises stand to each selected case at an instant: the one meaning of met, breached, at risk, paused and open.
-- One row per case and promise asked for. promise: its number, from 1. standing: void (the case is complete and the promise
-- not kept: it is void, and never late), not_started (its clock has not started, or nothing is ever due), met (kept in time),
-- breached (kept late, or past due and not kept), paused (its clock stands), at_risk (due until risky_until), open. late_us:
-- from the due instant to what kept it, or to now; 0 where it is not late. late_now: past due and not kept. value and
-- currency: the money at stake, value null and currency '' where it is not priced. lost_per_hour: while late_now only; its
-- currency is that of the value, and currency that of lost_per_hour where there is no value. Amounts with more than six
-- places are cut off.
-- Parameters: those of selected_cases; promises (the numbers asked for), now, store (the attribute), value_attribute,
-- value_currency or currency_attribute ('' for none); and one entry per promise of the process in risky_until (null: nothing
-- is at risk), lost_amount (0 for none) and lost_currency, or lost_share.
-- place is the promise, but a constant where one alone is asked for: arrays are read by a constant at a fraction of what
-- it costs to look a place up in each row, and one promise of a million cases costs what it would without the others. What
-- does not depend on the promise, such as the value, the engine makes once per case, before it joins the promises.
CREATE VIEW IF NOT EXISTS judged_cases AS
WITH
    standing AS
    (
        SELECT
            promise,
            case_id,
            started_at,
            ended_at AS last_at,
            activities[-1] AS last_activity_key,
            attributes[{store:String}] AS store,
            attributes[{value_attribute:String}] AS amount,
            if({value_currency:String} = '', attributes[{currency_attribute:String}], {value_currency:String}) AS code,
            if(({value_attribute:String} != '') AND match(amount, '^[0-9]{1,20}([.][0-9]+)?$') AND match(code, '^[A-Z]{3}$'),
                toDecimal128OrNull(amount, 6), NULL) AS value,
            dues[if(length({promises:Array(UInt32)}) = 1, {promises:Array(UInt32)}[1], promise) AS place] AS due_at,
            kept[place] AS kept_at,
            lates_us[place] AS kept_late_us,
            paused_since[place] AS stands_since,
            {risky_until:Array(Nullable(DateTime64(6, 'UTC')))}[place] AS risky,
            multiIf(
                isNotNull(kept_at), multiIf(isNull(due_at), 'not_started', kept_late_us > 0, 'breached', 'met'),
                isNull(due_at) AND isNull(stands_since), 'not_started',
                state = 'complete', 'void',
                isNotNull(stands_since), 'paused',
                assumeNotNull(due_at) < {now:DateTime64(6, 'UTC')}, 'breached',
                isNotNull(risky) AND assumeNotNull(due_at) <= assumeNotNull(risky), 'at_risk',
                'open') AS standing
        FROM
            selected_cases(
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
        ARRAY JOIN {promises:Array(UInt32)} AS promise
    )
SELECT
    promise,
    case_id,
    store,
    standing,
    (standing = 'breached') AND isNull(kept_at) AS late_now,
    due_at,
    kept_at,
    if(standing = 'paused', stands_since, NULL) AS paused_since,
    multiIf(
        standing != 'breached', 0,
        late_now, toUnixTimestamp64Micro({now:DateTime64(6, 'UTC')}) - toUnixTimestamp64Micro(assumeNotNull(due_at)),
        kept_late_us) AS late_us,
    value,
    multiIf(
        NOT late_now, NULL,
        ({lost_amount:Array(Decimal(38, 6))}[
            if(length({promises:Array(UInt32)}) = 1, {promises:Array(UInt32)}[1], promise) AS place] AS lost_amount) > 0,
        if(isNull(value) OR (code = {lost_currency:Array(String)}[place]), toNullable(lost_amount), NULL),
        ({lost_share:Array(Decimal(38, 18))}[place] AS lost_share) > 0,
        toDecimal128(toDecimal256(value, 6) * lost_share, 6),
        NULL) AS lost_per_hour,
    multiIf(isNotNull(value), code, late_now AND (lost_amount > 0), {lost_currency:Array(String)}[place], '') AS currency,
    last_activity_key,
    last_at,
    started_at
FROM standing

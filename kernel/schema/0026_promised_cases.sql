-- How one promise stands to each selected case at an instant: the one meaning of met, breached, at risk, paused and open.
-- One row per case. standing: void (the case is complete and the promise not kept: it is void, and never late),
-- not_started (its clock has not started, or nothing is ever due), met (kept in time), breached (kept late, or past due and
-- not kept), paused (its clock stands), at_risk (due until risky_until), open. late_us: from the due instant to what kept
-- it, or to now; 0 where it is not late. late_now: past due and not kept. value and currency: the money at stake, value null
-- and currency '' where it is not priced. lost_per_hour: while late_now only; its currency is that of the value, and
-- currency that of lost_per_hour where there is no value. Amounts with more than six places are cut off.
-- Parameters: those of selected_cases; promise (its number, from 1), now, risky_until (null: nothing is at risk), store (the
-- attribute), value_attribute, value_currency or currency_attribute ('' for none), lost_amount (0 for none) and
-- lost_currency, or lost_share.
CREATE VIEW IF NOT EXISTS promised_cases AS
WITH
    chosen AS
    (
        SELECT
            case_id,
            started_at,
            ended_at AS last_at,
            activities[-1] AS last_activity_key,
            state = 'complete' AS complete,
            dues[{promise:UInt32}] AS due_at,
            kept[{promise:UInt32}] AS kept_at,
            lates_us[{promise:UInt32}] AS kept_late_us,
            paused_since[{promise:UInt32}] AS stands_since,
            attributes[{store:String}] AS store,
            attributes[{value_attribute:String}] AS amount,
            if({value_currency:String} = '', attributes[{currency_attribute:String}], {value_currency:String}) AS code
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
    ),
    standing AS
    (
        SELECT
            chosen.*,
            multiIf(
                isNotNull(kept_at), multiIf(isNull(due_at), 'not_started', kept_late_us > 0, 'breached', 'met'),
                isNull(due_at) AND isNull(stands_since), 'not_started',
                complete, 'void',
                isNotNull(stands_since), 'paused',
                assumeNotNull(due_at) < {now:DateTime64(6, 'UTC')}, 'breached',
                isNotNull({risky_until:Nullable(DateTime64(6, 'UTC'))})
                    AND assumeNotNull(due_at) <= assumeNotNull({risky_until:Nullable(DateTime64(6, 'UTC'))}), 'at_risk',
                'open') AS standing,
            (standing = 'breached') AND isNull(kept_at) AS late_now,
            multiIf(
                standing != 'breached', 0,
                late_now, toUnixTimestamp64Micro({now:DateTime64(6, 'UTC')}) - toUnixTimestamp64Micro(assumeNotNull(due_at)),
                kept_late_us) AS late_us,
            if(({value_attribute:String} != '') AND match(amount, '^[0-9]{1,20}([.][0-9]+)?$') AND match(code, '^[A-Z]{3}$'),
                toDecimal128OrNull(amount, 6), NULL) AS value
        FROM chosen
    )
SELECT
    case_id,
    store,
    standing,
    late_now,
    due_at,
    kept_at,
    if(standing = 'paused', stands_since, NULL) AS paused_since,
    late_us,
    value,
    multiIf(
        NOT late_now, NULL,
        {lost_amount:Decimal(38, 6)} > 0, if(
            isNull(value) OR (code = {lost_currency:String}), toNullable({lost_amount:Decimal(38, 6)}), NULL),
        {lost_share:Decimal(38, 18)} > 0, toDecimal128(toDecimal256(value, 6) * {lost_share:Decimal(38, 18)}, 6),
        NULL) AS lost_per_hour,
    multiIf(isNotNull(value), code, isNotNull(lost_per_hour), {lost_currency:String}, '') AS currency,
    last_activity_key,
    last_at,
    started_at
FROM standing

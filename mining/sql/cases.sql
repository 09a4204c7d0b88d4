-- Cases: one row each with case, start, end, duration_s (seconds), events, variant (id), state, due (null where nothing
-- is) and rank (what it is ordered by). By rank, greatest first, then by case id. order_by: longest, shortest, newest,
-- oldest (first event), events, fewest, recent, stalest (last event), due (the first due first, cases without due last)
-- or case (by case id alone).
-- Parameters: the filter (mining/filters.py), order_by, after_rank (null for the first page), after_case, page.
SELECT
    case_id AS case,
    started_at AS start,
    ended_at AS end,
    (toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at)) / 1e6 AS duration_s,
    selected.events AS events,
    lower(leftPad(hex(selected.variant), 16, '0')) AS variant,
    toString(state) AS state,
    due_at AS due,
    multiIf(
        {order_by:String} = 'longest', toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at),
        {order_by:String} = 'shortest', toUnixTimestamp64Micro(started_at) - toUnixTimestamp64Micro(ended_at),
        {order_by:String} = 'newest', toUnixTimestamp64Micro(started_at),
        {order_by:String} = 'oldest', -toUnixTimestamp64Micro(started_at),
        {order_by:String} = 'due', ifNull(-toUnixTimestamp64Micro(due_at), -toInt64(4611686018427387904)),
        {order_by:String} = 'events', toInt64(selected.events),
        {order_by:String} = 'fewest', -toInt64(selected.events),
        {order_by:String} = 'recent', toUnixTimestamp64Micro(ended_at),
        {order_by:String} = 'stalest', -toUnixTimestamp64Micro(ended_at),
        toInt64(0)) AS rank
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
        states = {states:Array(String)}) AS selected
WHERE isNull({after_rank:Nullable(Int64)})
    OR rank < {after_rank:Nullable(Int64)}
    OR (rank = {after_rank:Nullable(Int64)} AND case_id > {after_case:String})
ORDER BY rank DESC, case_id
LIMIT {page:UInt64}

-- The cases that a filter selects: the one meaning of every filter. Excluded populations never count.
-- since and until: half-open, applied to the anchor (started | ended | active | due). attribute_values: per attribute
-- the values that match. with_activities: the case holds all of them. variants: any of these ids. edge_source and
-- edge_target: the case holds this pair. states: any of these. Null and empty select everything.
CREATE VIEW IF NOT EXISTS selected_cases AS
SELECT *
FROM case_paths FINAL
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND population = ''
    AND (isNull({since:Nullable(DateTime64(6, 'UTC'))}) OR multiIf(
        {anchor:String} = 'started', started_at >= {since:Nullable(DateTime64(6, 'UTC'))},
        {anchor:String} = 'ended', ended_at >= {since:Nullable(DateTime64(6, 'UTC'))},
        {anchor:String} = 'active', (state = 'open') OR (ended_at >= {since:Nullable(DateTime64(6, 'UTC'))}),
        due_at >= {since:Nullable(DateTime64(6, 'UTC'))}))
    AND (isNull({until:Nullable(DateTime64(6, 'UTC'))}) OR multiIf(
        {anchor:String} IN ('started', 'active'), started_at < {until:Nullable(DateTime64(6, 'UTC'))},
        {anchor:String} = 'ended', ended_at < {until:Nullable(DateTime64(6, 'UTC'))},
        due_at < {until:Nullable(DateTime64(6, 'UTC'))}))
    AND (empty({attribute_names:Array(String)}) OR arrayAll(
        (name, wanted) -> has(wanted, attributes[name]),
        {attribute_names:Array(String)},
        {attribute_values:Array(Array(String))}))
    AND (empty({with_activities:Array(String)}) OR hasAll(
        activities, arrayMap(name -> toUInt32(sipHash64(name)), {with_activities:Array(String)})))
    AND (empty({variants:Array(String)}) OR has({variants:Array(String)}, lower(leftPad(hex(variant), 16, '0'))))
    AND (isNull({min_duration_us:Nullable(Int64)})
        OR toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at) >= {min_duration_us:Nullable(Int64)})
    AND (isNull({max_duration_us:Nullable(Int64)})
        OR toUnixTimestamp64Micro(ended_at) - toUnixTimestamp64Micro(started_at) <= {max_duration_us:Nullable(Int64)})
    AND ({edge_source:String} = '' OR hasSubstr(
        activities,
        [toUInt32(sipHash64({edge_source:String})), toUInt32(sipHash64({edge_target:String}))]))
    AND (empty({states:Array(String)}) OR has({states:Array(String)}, toString(state)))

-- The variants of cases that are over, as learned at an instant: one row each with variant (id) and cases. Most cases
-- first, then by id; at most `most`. A case that is not open is over. Cases of `without` do not teach. Parameters: the
-- filter (mining/filters.py), ends, cut, without, most.
SELECT lower(leftPad(hex(sipHash64(activities)), 16, '0')) AS variant, count() AS cases
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
GROUP BY variant
ORDER BY cases DESC, variant
LIMIT {most:UInt64}

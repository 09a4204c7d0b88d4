-- The cases of built_cases with what their attributes tell: population ('' or the name of the excluded population) and
-- attributes. takes: of each case attribute, which of its values counts (first | last | max). population_names,
-- population_attributes, population_values: one entry per excluded population. All other parameters are those of
-- built_cases.
CREATE VIEW IF NOT EXISTS described_cases AS
WITH
    own AS
    (
        SELECT object_id, mapFromArrays(groupArray(toString(attribute)), groupArray(current)) AS attributes
        FROM
        (
            SELECT object_id, attribute, argMax(value, (changed_at, toString(source), value)) AS current
            FROM object_attributes
            WHERE tenant = {tenant:String}
                AND object_type = {object_type:String}
                AND object_id > {after:String}
                AND ({upto:String} = '' OR object_id <= {upto:String})
                AND attribute != ''
                AND ({incremental:UInt8} = 0 OR object_id IN (
                    SELECT object_id
                    FROM touched(
                        tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                        since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})))
            GROUP BY object_id, attribute
            ORDER BY object_id, attribute
        )
        GROUP BY object_id
    ),
    described AS
    (
        SELECT
            built.*,
            mapUpdate(
                own.attributes,
                CAST(
                    arrayFilter(
                        pair -> pair.2 != '',
                        arrayMap(
                            (name, take, position) -> (
                                name,
                                if(take = 'max',
                                    arraySort(
                                        value -> (isNotNull(toFloat64OrNull(value)), ifNull(toFloat64OrNull(value), 0), value),
                                        arrayMap(values -> values[position], extracts))[-1],
                                    arrayElementOrNull(
                                        arrayFilter(value -> value != '', arrayMap(values -> values[position], extracts)),
                                        if(take = 'first', 1, -1)))),
                            {case_attributes:Array(String)},
                            {takes:Array(String)},
                            arrayEnumerate({case_attributes:Array(String)}))),
                    'Map(String, String)')) AS raw_attributes,
            mapApply(
                (name, raw) -> (
                    name,
                    multiIf(
                        startsWith(raw, '"'), JSONExtractString(raw),
                        startsWith(raw, '{"$date"'), JSONExtractString(raw, '$date'),
                        startsWith(raw, '{"$id"'), JSONExtractString(raw, '$id'),
                        startsWith(raw, '{"$nested"'), JSONExtractString(raw, '$value'),
                        raw)),
                raw_attributes) AS shown_attributes
        FROM
            built_cases(
                tenant = {tenant:String},
                process = {process:String},
                object_type = {object_type:String},
                activities = {activities:Array(String)},
                lifecycles = {lifecycles:Array(String)},
                ranks = {ranks:Array(String)},
                ends = {ends:Array(String)},
                case_attributes = {case_attributes:Array(String)},
                named_sources = {named_sources:Array(String)},
                tied = {tied:UInt8},
                started = {started:UInt8},
                after = {after:String},
                upto = {upto:String},
                incremental = {incremental:UInt8},
                since_batch = {since_batch:UInt64},
                through_batch = {through_batch:UInt64}) AS built
        LEFT JOIN own ON own.object_id = built.case_id
    )
SELECT
    described.* EXCEPT (raw_attributes, shown_attributes),
    shown_attributes AS attributes,
    if(empty({population_names:Array(String)}), '',
        {population_names:Array(String)}[arrayFirstIndex(
            (name, wanted) -> has(wanted, shown_attributes[name]),
            {population_attributes:Array(String)},
            {population_values:Array(Array(String))})]) AS population
FROM described

-- The events of one part of an export: one row per selected case and event, of each event the winning copy, as
-- EVENT_FRAME (kernel/events.py) with event_id as hex, case and source. Cases by id, events of a case in case order.
-- Events that a case has over links only are left out: they name it nowhere.
-- seen_at is null where it is the time of loading. The relations hold the winning copies already; only what they lack is
-- looked up, since that reads the events of all sources concerned.
-- Parameters: the filter (mining/filters.py), object_type, activities, lifecycles, ranks, after, upto (case ids).
WITH
    chosen AS
    (
        SELECT *
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND derived_for = ''
            AND object_id > {after:String}
            AND object_id <= {upto:String}
            AND object_id IN
            (
                SELECT case_id
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
                WHERE case_id > {after:String} AND case_id <= {upto:String}
            )
            AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, activity))
            AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, lifecycle))
    ),
    winners AS
    (
        SELECT source, event_id, source_event_id, seen_at, ingested_at, objects, trace_id, span_id, revision
        FROM events
        WHERE tenant = {tenant:String}
            AND source IN (SELECT source FROM chosen)
            AND event_id IN (SELECT event_id FROM chosen)
        ORDER BY source, event_id, revision DESC, content_hash, sequence
        LIMIT 1 BY source, event_id
    )
SELECT
    lower(hex(chosen.event_id)) AS event_id,
    chosen.object_id AS case,
    toString(chosen.source) AS source,
    winners.source_event_id AS source_event_id,
    toString(chosen.activity) AS activity,
    toString(chosen.lifecycle) AS lifecycle,
    chosen.occurred_at AS occurred_at,
    toString(chosen.precision) AS precision,
    toString(chosen.time_kind) AS time_kind,
    chosen.started_at AS started_at,
    if(winners.seen_at = winners.ingested_at, NULL, winners.seen_at) AS seen_at,
    chosen.sequence AS sequence,
    chosen.actor AS actor,
    toString(chosen.actor_kind) AS actor_kind,
    toString(chosen.outcome) AS outcome,
    toString(chosen.error_code) AS error_code,
    chosen.value AS value,
    toString(chosen.currency) AS currency,
    CAST(winners.objects, 'Array(Tuple(type String, id String, qualifier String))') AS objects,
    chosen.attributes AS attributes,
    winners.trace_id AS trace_id,
    winners.span_id AS span_id,
    winners.revision AS revision
FROM chosen
INNER JOIN winners ON winners.source = chosen.source AND winners.event_id = chosen.event_id
ORDER BY
    chosen.object_id,
    chosen.order_at,
    toUInt32(indexOf({ranks:Array(String)}, chosen.activity)),
    chosen.source,
    chosen.sequence,
    chosen.event_id

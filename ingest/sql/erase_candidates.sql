-- Stored copies of events that may hold the subject, a page of them: one row each, columns as kernel/events.py has them and
-- tenant, source, event_id and content_hash (hex), order_at and mode. Ordered by source and event_id; all copies of an event are on
-- one page. Parameters: tenant, object_type, ids; everywhere (1: any that holds one of texts, which are at most 255),
-- after_source and after_id (hex): the last of the page before ('' for the first page), rows of a page.
SELECT
    toString(tenant) AS tenant,
    toString(source) AS source,
    lower(hex(events.event_id)) AS event_id,
    lower(hex(events.content_hash)) AS content_hash,
    order_at,
    toString(mode) AS mode,
    source_event_id,
    toString(activity) AS activity,
    toString(lifecycle) AS lifecycle,
    occurred_at,
    toString(precision) AS precision,
    toString(time_kind) AS time_kind,
    started_at,
    seen_at,
    sequence,
    actor,
    toString(actor_kind) AS actor_kind,
    toString(outcome) AS outcome,
    toString(error_code) AS error_code,
    value,
    toString(currency) AS currency,
    CAST(objects AS Array(Tuple(type String, id String, qualifier String))) AS objects,
    attributes,
    trace_id,
    span_id,
    revision
FROM events
WHERE tenant = {tenant:String}
    AND (events.source, events.event_id) > ({after_source:String}, toFixedString(unhex({after_id:String}), 16))
    AND
    (
        arrayExists(o -> (o.type = {object_type:String}) AND has({ids:Array(String)}, o.id), objects)
        OR
        (
            {everywhere:UInt8} = 1
            AND multiSearchAny(
                concat(
                    attributes, '\0', source_event_id, '\0', actor, '\0', lifecycle, '\0', error_code, '\0', currency, '\0',
                    trace_id, '\0', span_id),
                {texts:Array(String)})
        )
    )
ORDER BY events.source, events.event_id
LIMIT {rows:UInt64} WITH TIES

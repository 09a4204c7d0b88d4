-- Number the rewritten events that have no id of their source, as a file would that held them as they are now: after equal
-- events that are stored already, and among themselves. Parameters: tenant, table (erase_begin.sql), scrubbed (as they were
-- scrubbed), rewritten (where they go).
INSERT INTO {rewritten:Identifier}
(
    tenant, source, source_event_id, activity, lifecycle, occurred_at, order_at, precision, time_kind, started_at, seen_at,
    sequence, actor, actor_kind, outcome, error_code, value, currency, objects, attributes, trace_id, span_id, revision,
    occurrence, mode, was_id
)
SELECT
    tenant, source, source_event_id, activity, lifecycle, occurred_at, order_at, precision, time_kind, started_at, seen_at,
    sequence, actor, actor_kind, outcome, error_code, value, currency, objects, attributes, trace_id, span_id, revision,
    if(
        source_event_id != '',
        0,
        there.copies + dense_rank() OVER (PARTITION BY source, content_hash, source_event_id ORDER BY was_id) - 1),
    mode, was_id
FROM {scrubbed:Identifier} AS told
LEFT JOIN
(
    SELECT toString(source) AS source, content_hash, uniqExact(event_id) AS copies
    FROM events
    WHERE tenant = {tenant:String}
        AND source_event_id = ''
        AND (source, content_hash) IN (SELECT source, content_hash FROM {scrubbed:Identifier} WHERE source_event_id = '')
        AND (event_id, content_hash) NOT IN (SELECT event_id, content_hash FROM {table:Identifier} WHERE kind = 'event')
    GROUP BY source, content_hash
) AS there ON there.source = told.source AND there.content_hash = told.content_hash

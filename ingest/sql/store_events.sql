-- Store the events of this step that are not stored yet; a copy with other content is kept beside the first.
-- Parameters: table, tenant, batch, mode, ingested_at.
INSERT INTO events
(
    tenant, source, event_id, content_hash, revision, source_event_id, activity, lifecycle, occurred_at, order_at,
    precision, time_kind, started_at, seen_at, ingested_at, sequence, actor, actor_kind, outcome, error_code, value,
    currency, objects, attributes, trace_id, span_id, mode, batch
)
SELECT
    tenant, source, event_id, content_hash, revision, source_event_id, activity, lifecycle, occurred_at, order_at,
    precision, time_kind, started_at, seen_at, {ingested_at:DateTime64(6, 'UTC')}, sequence, actor, actor_kind,
    outcome, error_code, value, currency, objects, attributes, trace_id, span_id, {mode:String}, {batch:UInt64}
FROM {table:Identifier}
WHERE (event_id, content_hash, revision) NOT IN
(
    SELECT event_id, content_hash, revision
    FROM events
    WHERE tenant = {tenant:String}
        AND source IN (SELECT DISTINCT source FROM {table:Identifier})
        AND event_id IN (SELECT event_id FROM {table:Identifier})
)

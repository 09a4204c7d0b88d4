-- Store the rewritten events that are not stored yet. Parameters: tenant, rewritten, batch, ingested_at.
INSERT INTO events
(
    tenant, source, event_id, content_hash, revision, source_event_id, activity, lifecycle, occurred_at, order_at,
    precision, time_kind, started_at, seen_at, ingested_at, sequence, actor, actor_kind, outcome, error_code, value,
    currency, objects, attributes, trace_id, span_id, mode, batch
)
SELECT
    tenant, source, event_id, content_hash, revision, source_event_id, activity, lifecycle, occurred_at, order_at,
    precision, time_kind, started_at, seen_at, {ingested_at:DateTime64(6, 'UTC')}, sequence, actor, actor_kind, outcome,
    error_code, value, currency, objects, attributes, trace_id, span_id, mode, {batch:UInt64}
FROM {rewritten:Identifier} AS fresh
LEFT JOIN
(
    SELECT event_id, content_hash, revision, min(sequence) AS least, 1 AS stored
    FROM events
    WHERE tenant = {tenant:String} AND event_id IN (SELECT event_id FROM {rewritten:Identifier})
    GROUP BY event_id, content_hash, revision
) AS held USING (event_id, content_hash, revision)
WHERE held.stored = 0 OR fresh.sequence < held.least

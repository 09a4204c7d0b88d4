-- Store the events of this step that are not stored yet. A copy with other content is kept beside the first, and so is
-- an equal copy with a lower sequence: which copy counts must not depend on which came first.
-- Nothing is stored for a step that is held no longer (held_batch).
-- Parameters: table, tenant, batch, holder, load_id, mode, ingested_at, known (as known_events.sql; 0 saves the search for
-- copies).
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
FROM {table:Identifier} AS fresh
LEFT JOIN
(
    SELECT event_id, content_hash, revision, min(sequence) AS least, 1 AS stored
    FROM events
    WHERE {known:UInt64} > 0
        AND tenant = {tenant:String}
        AND source IN (SELECT DISTINCT source FROM {table:Identifier})
        AND event_id IN (SELECT event_id FROM {table:Identifier})
    GROUP BY event_id, content_hash, revision
) AS held USING (event_id, content_hash, revision)
WHERE (held.stored = 0 OR fresh.sequence < held.least)
    AND (
        SELECT held
        FROM
        held_batch(
            tenant = {tenant:String}, batch = {batch:UInt64}, holder = {holder:UInt64}, load_id = {load_id:String})
    )

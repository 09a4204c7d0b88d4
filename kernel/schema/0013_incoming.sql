-- The shape of a load step on its way in: events as readers give them, one row each. Each step uses a table of its
-- own with this shape, in memory; columns that are all default are not sent. only_type, only_id: the one object of
-- events that have just one, without a qualifier. occurrence: how many equal rows of the same file came before.
-- batch: 0, not given yet.
-- content_hash covers what the event says, not where or when it was read; event_id is made of the source's own id,
-- or else of the content and the occurrence, so loading an overlapping export changes nothing. NUL, which is refused
-- in every value, parts the pieces.
CREATE TABLE IF NOT EXISTS incoming
(
    tenant LowCardinality(String),
    source LowCardinality(String),
    source_event_id String,
    activity LowCardinality(String),
    lifecycle LowCardinality(String),
    occurred_at DateTime64(6, 'UTC'),
    order_at DateTime64(6, 'UTC'),
    precision LowCardinality(String),
    time_kind LowCardinality(String) DEFAULT 'happened',
    started_at Nullable(DateTime64(6, 'UTC')),
    seen_at DateTime64(6, 'UTC'),
    sequence UInt64,
    actor String,
    actor_kind LowCardinality(String),
    outcome LowCardinality(String),
    error_code LowCardinality(String),
    value Nullable(Decimal(38, 6)),
    currency LowCardinality(String),
    only_type LowCardinality(String),
    only_id String,
    objects Array(Tuple(type String, id String, qualifier String)) DEFAULT if(only_id = '', [], [(only_type, only_id, '')]),
    attributes String DEFAULT '{}',
    trace_id String,
    span_id String,
    revision UInt64,
    occurrence UInt64,
    batch UInt64,
    content_hash FixedString(16) DEFAULT sipHash128(concat(
        activity, '\0', lifecycle, '\0', toString(toUnixTimestamp64Micro(occurred_at)), '\0', precision, '\0', time_kind,
        '\0', ifNull(toString(toUnixTimestamp64Micro(started_at)), ''), '\0', actor, '\0', actor_kind, '\0', outcome, '\0',
        error_code, '\0', ifNull(toString(value), ''), '\0', currency, '\0', attributes, '\0', trace_id, '\0', span_id,
        '\0', arrayStringConcat(
            arrayMap(o -> concat(o.type, '\0', o.id, '\0', o.qualifier), arraySort(objects)), '\0'))),
    event_id FixedString(16) DEFAULT sipHash128(
        if(source_event_id != '',
            concat(tenant, '\0', source, '\0id\0', source_event_id),
            concat(tenant, '\0', source, '\0row\0', toString(occurrence), '\0', content_hash)))
)
ENGINE = Null

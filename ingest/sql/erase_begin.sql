-- What is to be erased by one erasure, until it is done: one row per thing. kind: event (a stored copy of an event: source,
-- event_id, content_hash; fate as in ingest/erasing/scrub.py), subject (object_type, object_id), beside (an object that
-- something was told of with the subject), value (of an attribute of another object), name (of an actor), entry (of the
-- quarantine, in event_id), path (a row of case_paths that is out of date: process in source, case in object_id, number).
-- It is named for the erasure. Statements that delete ask this table, so that no log of theirs holds an id.
-- Parameters: table.
CREATE TABLE IF NOT EXISTS {table:Identifier}
(
    kind LowCardinality(String),
    source String,
    event_id FixedString(16),
    content_hash FixedString(16),
    fate UInt8,
    object_type String,
    object_id String,
    text String,
    number UInt64
)
ENGINE = MergeTree
ORDER BY (kind, event_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1

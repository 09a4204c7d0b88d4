-- What comes in the place of rewritten events, one row each, in the shape of a load step; was_id: the event_id that it had.
-- Parameters: table.
CREATE TABLE IF NOT EXISTS {table:Identifier} AS incoming
ENGINE = MergeTree
ORDER BY tuple()
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1

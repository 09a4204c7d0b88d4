-- Two columns more than a load step has: mode, and was_id, the event_id that an event had. Parameters: table.
ALTER TABLE {table:Identifier} ADD COLUMN IF NOT EXISTS mode String, ADD COLUMN IF NOT EXISTS was_id FixedString(16)

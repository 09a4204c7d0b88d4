-- What it takes to make events of an entry after all: key and headers (JSON) are those of the delivery that it came in,
-- '' where it came as an event or in a file. ended_as: '' while it is an open entry, else replayed, repaired or discarded.
ALTER TABLE quarantine
    ADD COLUMN IF NOT EXISTS key String,
    ADD COLUMN IF NOT EXISTS headers String,
    ADD COLUMN IF NOT EXISTS ended_as LowCardinality(String)

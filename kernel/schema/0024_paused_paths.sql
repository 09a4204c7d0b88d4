-- paused_since: one entry per promise of the definition, in its order: since when its clock stands (kernel/promise.py),
-- null where it does not; then it is due at no instant.
ALTER TABLE case_paths ADD COLUMN IF NOT EXISTS paused_since Array(Nullable(DateTime64(6, 'UTC'))) AFTER lates_us

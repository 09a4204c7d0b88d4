-- As case_paths, whose partitions its own replace: the two have the same columns in the same order.
ALTER TABLE rebuilt_paths ADD COLUMN IF NOT EXISTS paused_since Array(Nullable(DateTime64(6, 'UTC'))) AFTER lates_us

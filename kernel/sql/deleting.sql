-- Deletions that are not done: one row per table (table, failed: whether one of them could not be done).
SELECT table, max(latest_fail_reason != '') AS failed
FROM system.mutations
WHERE database = currentDatabase() AND NOT is_done
GROUP BY table
ORDER BY table

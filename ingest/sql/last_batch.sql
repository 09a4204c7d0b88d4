-- The highest batch number used so far: one row (batch; 0 when there is none).
SELECT max(batch) AS batch FROM batches

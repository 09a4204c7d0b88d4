-- The highest batch number used so far (batch; 0 when there is none), and how many subjects of a tenant are erased: one
-- row. Parameters: tenant.
SELECT
    max(batch) AS batch,
    (SELECT uniqExact(erasure) FROM erased_subjects WHERE tenant = {tenant:String}) AS erased
FROM batches

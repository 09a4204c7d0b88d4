-- How many subjects of a tenant are erased: one row (erased). Parameters: tenant.
SELECT uniqExact(erasure) AS erased
FROM erased_subjects
WHERE tenant = {tenant:String}

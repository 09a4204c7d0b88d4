-- What was erased of a tenant: one row per subject (erasure and key as hex; digests, texts and own as hex; lengths;
-- everywhere), oldest first. Parameters: tenant.
SELECT
    lower(hex(erasure)) AS erasure,
    lower(hex(key)) AS key,
    arrayMap(one -> lower(hex(one)), digests) AS digests,
    arrayMap(one -> lower(hex(one)), texts) AS texts,
    arrayMap(one -> lower(hex(one)), own) AS own,
    lengths,
    everywhere
FROM erased_subjects FINAL
WHERE tenant = {tenant:String}
ORDER BY erased_at, erasure

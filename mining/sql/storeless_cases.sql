-- The cases that name no store, excluded populations too: one row (storeless, cases: all of them).
-- Parameters: tenant, process, store (the attribute).
SELECT
    countIf(attributes[{store:String}] = '') AS storeless,
    count() AS cases
FROM case_paths FINAL
WHERE tenant = {tenant:String} AND process = {process:String}

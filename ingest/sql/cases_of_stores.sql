-- Which of some cases are of some stores: one row each (case_id), by id.
-- Parameters: tenant, process, cases (ids), store (the case attribute that names it), stores.
SELECT case_id
FROM case_paths FINAL
WHERE tenant = {tenant:String}
    AND process = {process:String}
    AND case_id IN {cases:Array(String)}
    AND has({stores:Array(String)}, attributes[{store:String}])
ORDER BY case_id

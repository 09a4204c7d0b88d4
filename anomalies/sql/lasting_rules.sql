-- The rules of which findings last: one row per process and rule (process, rule), ordered by both.
-- Parameters: tenant.
SELECT DISTINCT toString(findings.process) AS process, toString(findings.rule) AS rule
FROM findings
WHERE tenant = {tenant:String}
    AND finding_id NOT IN (SELECT finding_id FROM finding_ends WHERE tenant = {tenant:String})
ORDER BY process, rule

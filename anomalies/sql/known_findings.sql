-- The findings that a rule ever made about a process: one row each with finding_id and incident_id (32 hex digits),
-- case_id, anchor, since, and ended (1 when its trouble has ended). Ordered by finding_id.
-- Parameters: tenant, process, rule.
SELECT
    lower(hex(finding_id)) AS finding_id,
    lower(hex(incident_id)) AS incident_id,
    case_id,
    anchor,
    since,
    toUInt8(findings.finding_id IN (SELECT finding_id FROM finding_ends WHERE tenant = {tenant:String})) AS ended
FROM findings FINAL
WHERE tenant = {tenant:String} AND process = {process:String} AND rule = {rule:String}
ORDER BY finding_id

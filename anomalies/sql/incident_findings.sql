-- The findings of one incident: one row each with finding_id (32 hex digits), kind, rule, process, case_id, store,
-- severity, title, suspect, owner, dependency_owner, since, detected_at, deadline, value, currency, lost_per_hour, score,
-- evidence (JSON), ended (how, '' while the trouble lasts) and ended_at. Open ones first, then by lost_per_hour and value,
-- the greatest first and unpriced ones last, then by since, then by finding_id.
-- Only findings of the stores named; all: 1 for every store. open_only: 1 leaves out those that have ended.
-- Parameters: tenant, incident (32 hex digits), all, stores, open_only, skip, most.
SELECT
    lower(hex(findings.finding_id)) AS finding_id,
    kind, rule, process, case_id, store, toString(severity) AS severity, title, suspect, owner, dependency_owner, since,
    detected_at, deadline, value, currency, lost_per_hour, score, evidence,
    toString(ends.how) AS ended,
    if(ends.how = '', NULL, ends.ended_at) AS ended_at
FROM (SELECT * FROM findings FINAL WHERE tenant = {tenant:String} AND incident_id = toFixedString(unhex({incident:String}), 16)) AS findings
LEFT JOIN
(
    SELECT finding_id, how, ended_at
    FROM finding_ends FINAL
    WHERE tenant = {tenant:String} AND incident_id = toFixedString(unhex({incident:String}), 16)
) AS ends ON ends.finding_id = findings.finding_id
WHERE (({all:UInt8} = 1) OR has({stores:Array(String)}, toString(findings.store)))
    AND (({open_only:UInt8} = 0) OR (ends.how = ''))
ORDER BY ended != '', isNull(lost_per_hour), lost_per_hour DESC, isNull(value), value DESC, since, finding_id
LIMIT {most:UInt64} OFFSET {skip:UInt64}

-- How far a process is projected: one row or none (definition_hash as hex, object_type, through_batch, version,
-- projected_at; sources, dated, started, attributed: what its events have, as in projection_facts.sql).
-- Parameters: tenant, process.
SELECT
    lower(hex(definition_hash)) AS definition_hash, toString(object_type) AS object_type, through_batch, version,
    projected_at, arrayMap(source -> toString(source), sources) AS sources, dated, started, attributed
FROM projections FINAL
WHERE tenant = {tenant:String} AND process = {process:String}

-- Relate cases to the events of the objects that link paths reach: one row of event_objects per case and event that the
-- case has not yet, by its own relation or a derived one. Only events that belong to the process.
-- Parameters: tenant, process, object_type, activities, lifecycles; the part: case ids in (after, upto]
-- ('' for no bound) and, when incremental is 1, only cases touched for the process by batches in
-- (since_batch, through_batch].
INSERT INTO event_objects
(
    tenant, object_type, object_id, order_at, source, sequence, event_id, activity, lifecycle, occurred_at, precision,
    time_kind, started_at, actor, actor_kind, outcome, error_code, value, currency, attributes, derived_for, batch
)
WITH reached AS
(
    SELECT DISTINCT case_id, object_type, object_id
    FROM reached_objects
    WHERE tenant = {tenant:String}
        AND process = {process:String}
        AND case_id > {after:String}
        AND ({upto:String} = '' OR case_id <= {upto:String})
        AND
        (
            {incremental:UInt8} = 0
            OR case_id IN
            (
                SELECT object_id
                FROM touched(
                    tenant = {tenant:String}, object_type = {object_type:String}, process = {process:String},
                    since_batch = {since_batch:UInt64}, through_batch = {through_batch:UInt64})
                WHERE touched_for != ''
            )
        )
)
SELECT
    {tenant:String}, {object_type:String}, reached.case_id, told.order_at, told.source, told.sequence, told.event_id,
    told.activity, told.lifecycle, told.occurred_at, told.precision, told.time_kind, told.started_at, told.actor,
    told.actor_kind, told.outcome, told.error_code, told.value, told.currency, told.attributes, {process:String},
    told.batch
FROM event_objects AS told
INNER JOIN reached ON reached.object_id = told.object_id AND reached.object_type = told.object_type
WHERE told.tenant = {tenant:String}
    AND told.object_type IN (SELECT object_type FROM reached)
    AND told.derived_for = ''
    AND told.object_id IN (SELECT object_id FROM reached)
    AND (empty({activities:Array(String)}) OR has({activities:Array(String)}, told.activity))
    AND (empty({lifecycles:Array(String)}) OR has({lifecycles:Array(String)}, told.lifecycle))
    AND (reached.case_id, told.event_id) NOT IN
    (
        SELECT object_id, event_id
        FROM event_objects
        WHERE tenant = {tenant:String}
            AND object_type = {object_type:String}
            AND derived_for IN ('', {process:String})
            AND object_id IN (SELECT case_id FROM reached)
    )
LIMIT 1 BY reached.case_id, told.event_id

-- What is kept of the link paths of a process: one row, each 1 where there is any: crossed (links that they cross), reached
-- (objects that they reach), derived (relations of its cases with events of these). Parameters: tenant, process.
WITH
    (
        SELECT toUInt8(count() > 0)
        FROM (SELECT 1 FROM crossed_links WHERE tenant = {tenant:String} AND process = {process:String} LIMIT 1)
    ) AS any_crossed
SELECT
    any_crossed AS crossed,
    (
        SELECT toUInt8(count() > 0)
        FROM (SELECT 1 FROM reached_objects WHERE tenant = {tenant:String} AND process = {process:String} LIMIT 1)
    ) AS reached,
    -- Without a crossed link there is none, and no relation is read.
    (
        SELECT toUInt8(count() > 0)
        FROM
        (
            SELECT 1
            FROM event_objects
            WHERE any_crossed = 1 AND tenant = {tenant:String} AND derived_for = {process:String}
            LIMIT 1
        )
    ) AS derived

-- Whether a process was projected with link paths that cross any link: one row (follows). Parameters: tenant, process.
SELECT count() > 0 AS follows
FROM
(
    SELECT 1
    FROM crossed_links
    WHERE tenant = {tenant:String} AND process = {process:String}
    LIMIT 1
)

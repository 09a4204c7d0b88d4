-- Whether a process is fed while things happen, and up to when it goes: one row: live (1: one of its sources has sent a live
-- event), last_at (its last event; null where it has none). Parameters: tenant, process.
SELECT
    (
        SELECT count()
        FROM
        (
            SELECT 1
            FROM events
            WHERE tenant = {tenant:String}
                AND source IN
                (
                    SELECT arrayJoin(sources)
                    FROM projections FINAL
                    WHERE tenant = {tenant:String} AND process = {process:String}
                )
                AND mode = 'live'
            LIMIT 1
        )
    ) AS live,
    (
        SELECT maxOrNull(ended_at) FROM case_paths FINAL WHERE tenant = {tenant:String} AND process = {process:String}
    ) AS last_at

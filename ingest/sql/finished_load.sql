-- The load of exactly this file and mapping, when it is done: one row or none (received, stored, duplicate,
-- quarantined, refused, conflicts, ended_at). Parameters: tenant, load_id.
SELECT received, stored, duplicate, quarantined, refused, conflicts, ended_at
FROM loads FINAL
WHERE tenant = {tenant:String} AND load_id = unhex({load_id:String}) AND state = 'done'

-- Take back every derived relation of a process. Parameters: tenant, process.
DELETE FROM event_objects WHERE tenant = {tenant:String} AND derived_for = {process:String}

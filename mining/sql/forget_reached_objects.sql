-- Forget what the link paths of a process reach. Parameters: tenant, process.
DELETE FROM reached_objects WHERE tenant = {tenant:String} AND process = {process:String}

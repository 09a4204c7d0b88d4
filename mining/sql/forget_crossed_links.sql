-- Forget the links that the paths of a process cross. Parameters: tenant, process.
DELETE FROM crossed_links WHERE tenant = {tenant:String} AND process = {process:String}

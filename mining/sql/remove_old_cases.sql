-- After a full build: drop the rows of earlier builds. Parameters: tenant, process, version.
DELETE FROM case_paths
WHERE tenant = {tenant:String} AND process = {process:String} AND version < {version:UInt64}

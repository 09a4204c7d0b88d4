-- Put the rebuilt paths of a process in the place of its old ones, at once for every reader; no paths replace all too.
-- Parameters: tenant, process.
ALTER TABLE case_paths REPLACE PARTITION ({tenant:String}, {process:String}) FROM rebuilt_paths
SETTINGS allow_replace_partition_from_empty_source = 1

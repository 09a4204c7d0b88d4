-- Forget what a full build has made so far, or left behind. Parameters: tenant, process.
ALTER TABLE rebuilt_paths DROP PARTITION ({tenant:String}, {process:String})

-- Delete no more what could not be deleted.
KILL MUTATION WHERE database = currentDatabase() AND latest_fail_reason != '' SYNC

-- Entries are open no longer. Parameters: tenant, entries (hexadecimal), ended_as.
INSERT INTO quarantine (tenant, load_id, entry, source, file_name, position, reason, raw, quarantined_at, key, headers, ended_as)
SELECT tenant, load_id, entry, source, file_name, position, reason, raw, quarantined_at, key, headers, {ended_as:String}
FROM quarantine FINAL
WHERE tenant = {tenant:String} AND lower(hex(entry)) IN {entries:Array(String)} AND ended_as = ''

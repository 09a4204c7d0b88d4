-- How many events a source holds, every copy of them counted: one row (held). Parameters: tenant, source.
SELECT count() AS held
FROM events
WHERE tenant = {tenant:String} AND source = {source:String}

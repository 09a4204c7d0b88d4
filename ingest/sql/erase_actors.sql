-- Names of actors that may hold one of texts: one row each (name). Parameters: tenant, texts.
SELECT DISTINCT name
FROM names
WHERE tenant = {tenant:String} AND kind = 'actor' AND multiSearchAny(name, {texts:Array(String)})

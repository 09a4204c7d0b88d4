-- Values of attributes that may hold one of texts: one row each (value, as JSON). Parameters: tenant, texts.
SELECT DISTINCT value
FROM object_attributes
WHERE tenant = {tenant:String} AND multiSearchAny(value, {texts:Array(String)})

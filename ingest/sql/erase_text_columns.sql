-- The columns of all tables of a tenant that can hold text: one row each (table, column), by name.
SELECT columns.table AS table, columns.name AS column
FROM system.columns AS columns
INNER JOIN system.tables AS tables ON tables.database = columns.database AND tables.name = columns.table
WHERE columns.database = currentDatabase()
    AND endsWith(tables.engine, 'MergeTree')
    AND match(replaceAll(columns.type, 'FixedString', ''), 'String')
    AND columns.default_kind NOT IN ('ALIAS', 'MATERIALIZED')
    AND columns.name != 'tenant'
    AND columns.table IN
    (
        SELECT table
        FROM system.columns
        WHERE database = currentDatabase() AND name = 'tenant'
    )
ORDER BY table, column

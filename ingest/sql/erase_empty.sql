-- Remove all rows of a table of one erasure, with their files. Parameters: table.
TRUNCATE TABLE IF EXISTS {table:Identifier}

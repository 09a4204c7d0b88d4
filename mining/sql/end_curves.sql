-- Drop the curves of one refresh. Parameters: table.
DROP TABLE IF EXISTS {table:Identifier}

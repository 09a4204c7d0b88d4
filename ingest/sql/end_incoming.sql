-- Drop the table of one load step. Parameters: table.
DROP TABLE IF EXISTS {table:Identifier}

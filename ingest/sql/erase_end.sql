-- Drop a table of one erasure, with its files. Parameters: table.
DROP TABLE IF EXISTS {table:Identifier} SYNC

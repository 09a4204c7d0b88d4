-- Remove old parts of a table now. Parameters: table.
SYSTEM START CLEANUP {table:Identifier}

-- Delete the rows that are marked as deleted. Parameters: table.
ALTER TABLE {table:Identifier} APPLY DELETED MASK

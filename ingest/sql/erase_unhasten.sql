-- Old parts of a table are kept for as long as they were before. Parameters: table.
ALTER TABLE {table:Identifier} RESET SETTING old_parts_lifetime

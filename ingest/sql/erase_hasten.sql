-- Have old parts of a table be removed at once, where a server would keep them for minutes. Parameters: table.
ALTER TABLE {table:Identifier} MODIFY SETTING old_parts_lifetime = 1

-- A table in memory for the curves of one refresh, shaped like due_curves. Parameters: table.
CREATE TABLE {table:Identifier} AS due_curves ENGINE = Memory

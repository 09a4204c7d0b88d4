-- A table in memory for one load step, shaped like incoming. Parameters: table.
CREATE TABLE {table:Identifier} AS incoming ENGINE = Memory

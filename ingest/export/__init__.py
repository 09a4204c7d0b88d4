"""Exports: the events of the selected cases of a process as a file that loads again as the same events.

Four writers share one way of reading (`ingest.export.log`): the log goes through memory in parts of about
`PART_ROWS` events, cut between cases. Only the winning copy of an event is exported. What each form carries:

    parquet, csv   everything about events; of case attributes the current value. Beside the file, `FILE.mapping.yaml`
                   says how to load it (`ingest.export.tables`).
    xes, xes.gz    the same (`ingest.export.xes`). Refused: characters that XML has no form for in names and ids.
    ocel-json,     everything about events; all objects they touch with the history of their attributes, and the links
    ocel-sqlite    between these objects (`ingest.export.ocel`).

Not in any file: when and by which load an event came, copies that lost, and which source told an object attribute.
A part is one query: while another load runs, later parts may hold events that earlier ones do not.
"""

from ingest.export.log import Exported, Scope
from ingest.export.run import KINDS, export_log, kind_of_file, mapping_file

__all__ = ["KINDS", "Exported", "Scope", "export_log", "kind_of_file", "mapping_file"]

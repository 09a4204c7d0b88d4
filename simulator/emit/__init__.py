"""What the simulated retailer's systems tell, as files, and as events for a running service.

`writing.write` lets the days of a simulation pass and gives each to the writers of the formats that are wanted:

- `events`: events in the form that the service takes, one per line, for `gembascope ingest` and `gembascope send`
- `parquet`: one table of events with the mapping that `gembascope ingest` takes, tables of links and of attributes
- `ocel2`: the same as one OCEL 2.0 log in JSON
- `native`: what each system itself would hand out, in its own shape

A writer holds one day at most, whatever the length of the simulation, and works from facts alone: a system that tells
of something new needs no new writer. The same simulation gives the same bytes. `copies` makes a large log in Parquet of
a small one.
"""

"""Sources: what each is, how it is collected, and how what it hands over becomes events.

A collector (`ingest.collectors`) hands deliveries to the inlet of its source, which maps them by the source's pack
(`ingest.mappings`), checks them and puts them into the spool. When `Inlet.take` returns they are on disk, and only then
may a collector acknowledge anything.
"""

"""Mapping packs: how what a source says becomes events.

A pack is one YAML file of JMESPath expressions (https://jmespath.org/specification.html) with recorded fixtures beside
it, which prove it: `gembascope mapping test PACK`. `pack` is the model of the file, `decoding` takes a delivery apart
into records, `expressions` evaluates, `mapper` makes the events, `contract` tests a pack against its fixtures, and
`drift` notices that a source has begun to say something else.
"""

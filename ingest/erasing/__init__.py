"""Erasure by subject: a person asks to be forgotten, and one object goes out of everything that is kept.

- `subject` who is meant, and how it is told again when nothing of it is kept: by keyed digests.
- `scrub` takes erased subjects out of frames: of what is stored when one is erased, and of what is loaded ever after.
- `tombstones` are the digests, one row per subject in the warehouse, and the keys that they are made with.
- `orders` are the record: what was ordered, by whom, how far it is, and what became of it.
- `warehouse` deletes and rewrites; `quarantine` and `databases` do so beside it; `proof` looks for what is left.
- `erasing` does it all in an order in which it can be killed at any point.
"""

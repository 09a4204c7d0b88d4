-- One row per erased subject: an object that is forgotten, and of which nothing may come back. The object itself is kept
-- nowhere. digests: of the object under each of its ids, texts: of those ids as texts, own: of the values that its
-- attributes had; all are 16 bytes of HMAC-SHA256 under the key whose fingerprint is `key` (ingest/erasing/subject.py).
-- lengths: of the texts, in characters. everywhere: 1 where its ids can mean nothing else, so that they are looked for in
-- whatever is told of other objects, too.
CREATE TABLE IF NOT EXISTS erased_subjects
(
    tenant LowCardinality(String),
    erasure FixedString(16),
    key FixedString(8),
    digests Array(FixedString(16)),
    texts Array(FixedString(16)),
    own Array(FixedString(16)),
    lengths Array(UInt32),
    everywhere UInt8,
    erased_at DateTime64(6, 'UTC')
)
ENGINE = ReplacingMergeTree
ORDER BY (tenant, erasure)
SETTINGS @durable@

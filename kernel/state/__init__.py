"""The state database: what must be transactional and small. Users, sessions and keys; later incidents, runs, approvals,
audit. Events and everything made of them are in the warehouse; no statement crosses the two.

`database` opens it, on SQLite or on PostgreSQL by one code; `tables` says what it holds, with a tenant in every key;
`migrations` brings an older one up to date.
"""

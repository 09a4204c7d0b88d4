"""The audit: who did what, append-only, each entry bound to the one before it by a hash.

There is one chain per run, so that workers do not wait for each other, and one per other subject (`users`, `keys`).
`chain` appends to one, within the transaction of what is recorded. `anchors` binds the ends of all chains of a tenant
to each other, every minute and at the end of a run. `signing` signs the newest anchor, to be kept where nobody of this
system can write. `verify` holds what is there (`records`: in the database, or exported by `reading`) to such heads.

Entries refer to people, keys and cases by their ids: nothing personal and no secret is in them, so nothing ever needs
to be erased.
"""

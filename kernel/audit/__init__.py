"""The audit: who did what, append-only, each entry bound to the one before it by a hash.

There is one chain per run, so that workers do not wait for each other, and one per other subject (`users`, `keys`).
"""

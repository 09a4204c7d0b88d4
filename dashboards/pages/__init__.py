"""The pages: each module has its `PATH`, a `skeleton` that stands at once, and callbacks that fill it from the address.

The order of events: an address changes; the router of `dashboards.app` puts up the skeleton of its page when the path
changed; every callback of that page reads the query string and answers for its own place. A filter change keeps the
page and renews the answers.
"""

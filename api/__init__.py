"""The HTTP interface: what the command line asks, asked over the network, with the same documents.

`app` builds the FastAPI application, `routes/` holds one file per subject, `errors` maps every error to a status,
`gate` is the outermost layer (hosts, tokens, headers, limits), `loading` turns an uploaded file into processes.
"""

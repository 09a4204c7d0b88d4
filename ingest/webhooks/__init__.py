"""Webhooks that systems send: which of their messages are theirs.

Each style of signing (`styles`) reads what a request says of itself; `verifying` decides, by the secrets of the source
and the clock that is passed in, over the bytes as they came. Nothing here does input or output.
"""

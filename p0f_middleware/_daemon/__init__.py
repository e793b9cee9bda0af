"""Asking the p0f daemon over its Unix socket.

The doors are `blocking.P0f` and `aio.AsyncP0f`; `protocol` is the API's bytes, without I/O. Nothing
is imported here: whoever needs `P0f` must not pay for asyncio, which `AsyncP0f` needs.
"""

"""The clients of the p0f daemon, which ask it over its Unix socket.

The public classes are `blocking.P0f` and `aio.AsyncP0f`. This module imports nothing: a program
that uses only `P0f` must not pay for asyncio, which `AsyncP0f` needs.
"""

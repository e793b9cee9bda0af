"""The clients of the p0f daemon, which ask it over its Unix socket: `blocking.P0f`, `aio.AsyncP0f`.

A program that uses only `P0f` must not pay for asyncio, so this module imports neither.
"""

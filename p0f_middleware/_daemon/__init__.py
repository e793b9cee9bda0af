"""Asking the p0f daemon over its Unix socket.

Nothing is imported here: whoever needs `P0f` (`blocking`) must not pay for asyncio (`aio`).
"""

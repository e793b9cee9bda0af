"""SYNs shared between machines: an edge writes them to Redis or Valkey, applications read them.

`p0f_middleware.edge` is the writing half; the two meet in `keys`. This module imports nothing.
"""

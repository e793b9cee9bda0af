"""SYNs shared between machines: `edge` writes them to Redis or Valkey, `source` reads them there.

The two meet in `keys` alone. This module imports nothing.
"""

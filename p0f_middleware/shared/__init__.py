"""SYNs shared between machines: an edge writes them to Redis or Valkey, applications read them.

The folder has two halves that meet in the store alone: the edge (`tap`, `edge`), which sees packets
and knows no signatures, and the sources (`SharedSyn`, `AsyncSharedSyn`), which know signatures and
see no packets. `keys` says what is stored where, `store` and `line` how both talk to the server.

Nothing is imported here: whoever needs `SharedSyn` does not pay for asyncio, nor for the tap.
"""

"""SYNs shared between machines: an edge writes them to Redis or Valkey, applications read them.

The folder has two halves that meet only in the store: the edge (`tap`, `edge`), which sees packets
and knows no signatures, and the sources (`SharedSyn`, `AsyncSharedSyn`), which know signatures and
see no packets. `keys` defines what is stored under which key; `store` and `line` talk to the
server, for both halves.

This module imports nothing, so that a program which uses `SharedSyn` pays neither for asyncio nor
for the tap.
"""

"""The edge: sees the SYNs that come in on an interface (`tap`), and shares them (`agent`).

It knows no signatures. The folder `shared` has the reading half; the two meet in `shared.keys`.
This module imports nothing.
"""

"""Fingerprints from SYNs, without a p0f daemon.

The doors of this folder: `Syn` (the SYN of the request's own connection), `save_syn` and
`when_ready` (which have Linux keep SYNs), `fingerprint_syn` (a SYN in hand). For the package itself
there are also `_kernel.is_unix`, `_server_sockets`, and for `shared`, whose SYNs have to be read as
these are, `_fingerprint.fingerprinter`.
"""

from ._fingerprint import fingerprint_syn
from ._kernel import save_syn
from ._syn import Syn, when_ready

__all__ = ["Syn", "fingerprint_syn", "save_syn", "when_ready"]

"""Fingerprints from SYNs, without a p0f daemon.

The public names: `Syn` (the SYN of the request's own connection), `save_syn` and `when_ready`
(which make Linux keep SYNs), `fingerprint_syn` (a SYN as bytes or text). Other parts of the package
also use `_kernel.is_unix`, `_server_sockets` and, in `shared`, `_fingerprint.fingerprinter`.
"""

from ..fingerprint import fingerprint_syn
from ._kernel import save_syn
from ._syn import Syn, when_ready

__all__ = ["Syn", "fingerprint_syn", "save_syn", "when_ready"]

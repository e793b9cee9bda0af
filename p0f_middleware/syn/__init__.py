"""Fingerprints from the SYN of the request's own connection, without a p0f daemon.

The doors of this folder: `Syn`, `save_syn`, `when_ready`.
"""

from ._syn import Syn, fingerprint_syn, save_syn, when_ready

__all__ = ["Syn", "fingerprint_syn", "save_syn", "when_ready"]

"""From the bytes of a SYN to a P0fInfo, by the rules of p0f 3.09b, without I/O.

`packet` reads a SYN, `raw_sig` writes and reads it in p0f's notation, `signatures` reads signature
files, `matcher` finds the signature that fits, and `fingerprinter` makes a P0fInfo of the result.
Only `fingerprinter` opens a file: the signatures, once, when a source is made.
"""

from .fingerprinter import LONGEST_TEXT, fingerprint_syn, fingerprinter

__all__ = ["LONGEST_TEXT", "fingerprint_syn", "fingerprinter"]

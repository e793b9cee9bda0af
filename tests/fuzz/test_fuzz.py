"""The fuzzer's invariants, held against random inputs for P0F_FUZZ seconds (3)."""

from __future__ import annotations

import os
import random
import time

import pytest

from .fuzz_protocol import check

SECONDS = float(os.environ.get("P0F_FUZZ", "3"))
TOKENS = (
    b"\x02\x46\x30\x50\x10\0\0\0",
    b"\x02\x46\x30\x50\x20\0\0\0",
    b"10.0.0.1",
    b"203.0.113.9",
    b"::ffff:192.0.2.1",
    b"fe80::1%eth0",
    b"[2001:db8::1]:443",
    b"for=",
    b'"',
    b"\\",
    b",",
    b";",
    b" ",
)


def random_input(random: random.Random) -> bytes:
    """Bytes with pieces in them that a reader takes for something."""
    pieces = [
        random.choice(TOKENS) if random.random() < 0.5 else random.randbytes(random.randrange(40))
        for _ in range(random.randrange(30))
    ]
    return random.randbytes(1) + b"".join(pieces)


def test_no_input_breaks_an_invariant() -> None:
    seed = random.randrange(2**32)
    source = random.Random(seed)
    ends = time.monotonic() + SECONDS
    inputs = 0
    while time.monotonic() < ends:
        data = random_input(source)
        inputs += 1
        try:
            check(data)
        except BaseException as error:
            pytest.fail(f"seed {seed}, input {inputs}: {data!r}: {type(error).__name__} {error}")
    print(f"\nrandom inputs: {inputs} in {SECONDS:g} s, seed {seed}")

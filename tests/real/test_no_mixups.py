"""Nobody gets another's answer, whatever becomes of the queries and of the server.

P0F_LOOKUPS is how many lookups to make in all (12,000; 1,000,000 for the full form).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from .echo import echo_server

LOOKUPS = int(os.environ.get("P0F_LOOKUPS", "12000"))


@pytest.mark.parametrize(
    ("way", "share"),
    [("threads", 0.3), ("tasks", 0.4), ("greenlets", 0.15), ("forks", 0.1), ("loops", 0.05)],
)
def test_every_answer_reaches_the_query_that_caused_it(
    way: str, share: float, tmp_path: Path
) -> None:
    lookups = int(LOOKUPS * share)
    with echo_server(tmp_path) as socket_path:
        began = time.monotonic()
        asking = subprocess.run(
            [
                *(sys.executable, "-W", "ignore::DeprecationWarning"),  # 3.12 warns of fork
                *("-m", "tests.real.asking", way, socket_path, str(lookups)),
            ],
            capture_output=True,
            text=True,
            timeout=60 + lookups / 500,
            check=False,
        )
        took = time.monotonic() - began
    assert asking.returncode == 0, asking.stderr
    tally = Counter(json.loads(asking.stdout))
    print(f"\n{way}: {dict(tally)}, {took:.1f} s")
    assert tally["mixed up"] == 0
    assert tally.total() - tally["skipped"] >= lookups
    assert tally["answers"] > lookups / 2
    assert asking.stderr == ""

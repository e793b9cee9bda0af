"""Coverage-guided fuzzing of whole requests, or with any property of hypothesis in these tests.

pip install atheris
python -m tests.fuzz wsgi|asgi|MODULE:PROPERTY -max_total_time=600 [CORPUS_FOLDER]
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

from hypothesis import settings


def main() -> None:
    atheris = importlib.import_module("atheris")
    logging.getLogger("p0f_middleware").setLevel(logging.CRITICAL)
    module, _, name = sys.argv.pop(1).partition(":")
    with atheris.instrument_imports():
        if name:
            prop: Any = getattr(importlib.import_module(module), name)
        else:
            requests = importlib.import_module("tests.fuzz.test_requests")
            prop = requests.prop(module, requests.Sources())
    checked = settings(database=None, deadline=None)(prop)
    atheris.Setup(sys.argv, atheris.instrument_func(checked.hypothesis.fuzz_one_input))
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""Coverage-guided fuzzing: of what reads bytes and text, and of whole requests.

    pip install atheris
    python -m tests.fuzz protocol|wsgi|asgi -max_total_time=600 [CORPUS_FOLDER]

What has to hold is in the two modules; test_fuzz.py feeds them random inputs, without atheris.
"""

from __future__ import annotations

import importlib
import logging
import sys

from hypothesis import settings

atheris = importlib.import_module("atheris")
with atheris.instrument_imports():
    from . import protocol, requests


def main() -> None:
    logging.getLogger("p0f_middleware").setLevel(logging.CRITICAL)
    kind = sys.argv.pop(1)
    check = protocol.check
    if kind != "protocol":
        prop = settings(database=None, deadline=None)(requests.prop(kind, requests.Sources()))
        check = atheris.instrument_func(prop.hypothesis.fuzz_one_input)
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()


main()

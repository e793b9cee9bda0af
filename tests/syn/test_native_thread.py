"""Threads of the system, also where gevent or eventlet have replaced Python's."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
import threading
import time
from queue import SimpleQueue

import pytest

from p0f_middleware.syn import _native_thread
from p0f_middleware.syn._native_thread import NativeThread, run_off_loop


@pytest.fixture
def steps() -> SimpleQueue[int]:
    """The ids of the threads that have done a step."""
    return SimpleQueue()


def test_it_steps_until_it_has_nothing_to_wait_for(steps: SimpleQueue[int]) -> None:
    waits: list[float | None] = [0.0, 0.0, None]

    def step() -> float | None:
        steps.put(threading.get_ident())
        return waits.pop(0)

    thread = NativeThread(step)
    done = {steps.get(timeout=10) for _ in range(3)}
    assert thread.stop(10)
    assert (waits, len(done)) == ([], 1)
    assert threading.get_ident() not in done


def test_waking_it_does_the_next_step_at_once(steps: SimpleQueue[int]) -> None:
    def step() -> float:
        steps.put(1)
        return 60

    thread = NativeThread(step)
    steps.get(timeout=10)
    thread.wake()
    assert steps.get(timeout=10) == 1
    assert thread.stop(10)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_stopped_thread_is_not_counted_any_more() -> None:
    ids: SimpleQueue[int] = SimpleQueue()

    def step() -> float:
        ids.put(threading.get_native_id())
        return 60

    thread = NativeThread(step)
    own = str(ids.get(timeout=10))
    assert thread.stop(10)
    assert (thread.alive, own in os.listdir("/proc/self/task")) == (False, False)


def test_a_step_that_raises_ends_it() -> None:
    thread = NativeThread(lambda: 1 / 0)
    assert thread.stop(10)
    assert not thread.alive


PATCHED = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all()",
    "eventlet": "import warnings; warnings.simplefilter('ignore');"
    "import eventlet; eventlet.monkey_patch()",
}


@pytest.mark.parametrize("library", PATCHED)
@pytest.mark.parametrize("when", ["before the import", "after the import", "after the start"])
def test_patching_threads_changes_nothing(library: str, when: str) -> None:
    if importlib.util.find_spec(library) is None:  # eventlet, once imported, warns of every fork
        pytest.skip(f"{library} is not installed")
    lines = [
        "from p0f_middleware.syn._native_thread import NativeThread",
        "seen = []",
        "def step():",
        "    seen.append(_thread.get_native_id())",
        "    return 0.001",
        "thread = NativeThread(step)",
    ]
    lines.insert({"before the import": 0, "after the import": 1}.get(when, 6), PATCHED[library])
    # The main thread never yields to another greenlet, so a greenlet would do no step.
    program = "\n".join(
        [
            "import _thread, threading, time",
            "sleep = time.sleep",
            *lines,
            "while len(seen) < 20: sleep(0.001)",
            "print(thread.stop(10), set(seen).isdisjoint({threading.get_native_id()}))",
        ]
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (run.stdout, run.stderr) == ("True True\n", "")


def test_outside_of_an_event_loop_a_function_is_just_called() -> None:
    assert run_off_loop(threading.get_ident) == threading.get_ident()


def test_on_an_event_loop_a_function_runs_beside_it() -> None:
    async def run() -> int:
        return run_off_loop(threading.get_ident)

    assert asyncio.run(run()) != threading.get_ident()


def test_what_the_function_raises_comes_out() -> None:
    async def run() -> None:
        run_off_loop(lambda: os.listdir("/nowhere"))

    with pytest.raises(FileNotFoundError):
        asyncio.run(run())


def test_where_no_thread_can_be_started_the_function_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_native_thread, "_start", no_thread)

    async def run() -> int:
        return run_off_loop(threading.get_ident)

    assert asyncio.run(run()) == threading.get_ident()


def no_thread(_function: object) -> None:
    raise RuntimeError("can't start new thread")


def test_stopping_it_again_takes_no_time() -> None:
    thread = NativeThread(lambda: 60)
    assert thread.stop(10)
    started = time.monotonic()
    assert thread.stop(10)
    assert time.monotonic() - started < 5

"""The lookup in an event loop, asyncio's or trio's; `lookup` has everything but the waiting.

A cancelled request is not a failed lookup: CancelledError, of asyncio or trio, is no Exception and
passes through.
"""

from __future__ import annotations

from .._async_library import sleep
from .lookup import BaseLookup, Keys
from .visitor import BaseVisitor

__all__ = ["AsyncLookup"]


class AsyncLookup(BaseLookup):
    """Asks a source that is awaited, or answers at once."""

    async def ask(self, visitor: BaseVisitor) -> Keys:
        """The keys of a request for which nothing is `held`. Raises nothing of ours."""
        steps = self.steps(visitor)
        try:
            is_question, wait = next(steps)
            while True:
                if not is_question:
                    await sleep(wait)
                    is_question, wait = next(steps)
                    continue
                try:
                    outcome = self._fingerprint(visitor, wait)
                    if self._waits:
                        outcome = await outcome
                except Exception as error:
                    is_question, wait = steps.throw(error)
                else:
                    is_question, wait = steps.send(outcome)
        except StopIteration as end:
            keys: Keys = end.value
            return keys

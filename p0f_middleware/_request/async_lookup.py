"""The lookup in an event loop, asyncio's or trio's; `lookup` has everything but the waiting.

A cancelled request is not a failed lookup: CancelledError, of asyncio or trio, is no Exception and
passes through.
"""

from typing import Any

from .._async_library import sleep
from .lookup import BaseLookup, Keys
from .visitor import BaseVisitor


class AsyncLookup(BaseLookup):
    """Asks a source that is awaited, or answers at once."""

    async def ask(self, visitor: BaseVisitor) -> Keys:
        steps = self.steps(visitor)
        answer: Any = None
        try:
            while True:
                is_question, wait = steps.send(answer)
                answer = None
                if not is_question:
                    await sleep(wait)
                    continue
                try:
                    answer = self._fingerprint(visitor, wait)
                    if self._waits:
                        answer = await answer
                except Exception as error:
                    answer = error
        except StopIteration as end:
            keys: Keys = end.value
            return keys
        finally:
            del answer  # an exception, whose traceback refers to this frame

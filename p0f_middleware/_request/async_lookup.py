"""The async side of one request's lookup; see `lookup`, which has all that does not wait.

The fact a reader would get wrong: a cancelled request is not a failed lookup. CancelledError, of
asyncio or trio, is no Exception and goes its way.
"""

from __future__ import annotations

import time

from .._async_library import sleep
from .._errors import P0fTimeout
from .._outcome import Outcome
from .failure import failed
from .lookup import BaseLookup, Keys, asked_too_early, keys_of
from .visitor import BaseVisitor

__all__ = ["AsyncLookup"]


class AsyncLookup(BaseLookup):
    """Asks a source that is awaited."""

    async def ask(self, visitor: BaseVisitor) -> Keys:
        """The keys of a request for which nothing is `held`. Raises nothing of ours."""
        try:
            deadline = time.monotonic() + self._budget
            outcome = await self._ask(visitor, deadline)
            said = visitor.claims() if self._claims else None
            keys = keys_of(outcome, said)
            pause = self._pause_to_confirm(visitor, keys, deadline)
            if pause:
                await sleep(pause)
                outcome = await self._ask(visitor, deadline)
                keys = keys_of(outcome, said)
            return self._tell(visitor, outcome, said, keys)
        except Exception as error:
            return self._keys_of_failure(error)

    async def _ask(self, visitor: BaseVisitor, deadline: float) -> Outcome:
        try:
            asked = self._fingerprint(visitor, deadline)
            outcome: Outcome = await asked if self._waits else asked
            if self._waits and asked_too_early(visitor, outcome):
                outcome = await self._ask_again(visitor, deadline, outcome)
        except Exception as error:
            return failed(error, foreign_code=self._foreign)
        return outcome

    async def _ask_again(self, visitor: BaseVisitor, deadline: float, outcome: Outcome) -> Outcome:
        for pause in self._pauses(visitor, deadline):
            await sleep(pause)
            try:
                outcome = await self._fingerprint(visitor, deadline)
            except P0fTimeout:
                if time.monotonic() < deadline:
                    raise
                continue  # p0f has said "no match", and the time left was too short to say more
            if not asked_too_early(visitor, outcome):
                break
        return outcome

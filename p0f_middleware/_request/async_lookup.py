"""The async side of one request's lookup; see `lookup`, which has all that does not wait.

The fact a reader would get wrong: a cancelled request is not a failed lookup. CancelledError, of
asyncio or trio, is no Exception and goes its way.
"""

from __future__ import annotations

import time

from .._async_library import sleep
from .._outcome import Outcome, P0fStatus
from .failure import failed
from .lookup import BaseLookup, Keys
from .visitor import BaseVisitor

__all__ = ["AsyncLookup"]


class AsyncLookup(BaseLookup):
    """Asks a source that is awaited."""

    async def keys(self, visitor: BaseVisitor) -> Keys:
        """The keys of a request. Raises nothing of ours."""
        try:
            told = self._told_before(visitor)
            if told is None:
                told = self._tell(visitor, await self._ask(visitor))
            return self._keys(visitor, told)
        except Exception as error:
            return self._keys_of_failure(error)

    async def _ask(self, visitor: BaseVisitor) -> Outcome:
        deadline = time.monotonic() + self._budget
        try:
            outcome: Outcome = await self._fingerprint(visitor, deadline)
            for pause in self._pauses(visitor, outcome, deadline):
                await sleep(pause)
                outcome = await self._fingerprint(visitor, deadline)
                if outcome.status is not P0fStatus.NO_MATCH:
                    break
        except Exception as error:
            return failed(error, foreign_code=self._foreign)
        return outcome

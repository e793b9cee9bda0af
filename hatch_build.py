"""README as the package's page shows it: with links and pictures that work outside the repository.

Their address stands in pyproject.toml, in one place. Without one README stays as it is.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Readme(MetadataHookInterface):
    def update(self, metadata: dict[str, Any]) -> None:
        """Called by hatchling while it builds."""
        address = str(self.config["address"]).rstrip("/")
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, address)}
        metadata["urls"] = {"Source": address} if address else {}


def absolute(text: str, address: str) -> str:
    """The text with the address before each link and picture that is relative."""
    if not address:
        return text
    relative = r"(!?)(\[[^\]]*\])\((?!https?:|#)([^)]+)\)"
    return re.sub(
        relative,
        lambda found: (
            f"{found[1]}{found[2]}({address}/{'raw' if found[1] else 'blob'}/main/{found[3]})"
        ),
        text,
    )

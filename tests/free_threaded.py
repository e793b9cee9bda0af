"""A Python without the interpreter lock, built from Debian's source where it is missing.

    python -m tests.free_threaded [FOLDER]      # prints the path of its interpreter

It needs a C compiler, apt-get, and the headers of what the standard library binds (on Debian:
build-essential libssl-dev libffi-dev zlib1g-dev libsqlite3-dev). No root: the list of sources and
the download stay in the folder, which is in the user's cache unless it is named. Building takes
four minutes on two cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

VERSION = "3.13"
SUITE = "trixie"  # the Debian whose python3 is of that version
SOURCE = (
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    f" http://deb.debian.org/debian {SUITE} main\n"
)
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "p0f_middleware"


def interpreter(folder: Path = CACHE) -> Path:
    """The interpreter in `folder`, built if there is none."""
    python = folder / f"python{VERSION}t" / "bin" / f"python{VERSION}t"
    if not python.exists():
        build(download(folder / "source"), python.parents[1])
    return python


def download(folder: Path) -> Path:
    """Fetch and unpack Debian's source of Python; the folder that has its configure script."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text(SOURCE, encoding="utf-8")
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": folder / "lists",
        "Dir::Cache": folder,
        "Debug::NoLocking": "true",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    subprocess.run([*apt, "update"], cwd=folder, check=True)
    subprocess.run([*apt, "source", "--download-only", f"python{VERSION}"], cwd=folder, check=True)
    (archive,) = folder.glob(f"python{VERSION}_*.orig.tar.xz")
    subprocess.run(["tar", "-xf", archive], cwd=folder, check=True)
    (configure,) = folder.glob("Python-*/configure")
    return configure.parent


def build(source: Path, target: Path) -> None:
    """Compile the Python whose source this is, and install it."""
    configure = ["./configure", "-q", "--disable-gil", f"--prefix={target}"]
    cores = len(os.sched_getaffinity(0))
    for command in (configure, ["make", "-s", f"-j{cores}"], ["make", "-s", "altinstall"]):
        subprocess.run(["nice", *command], cwd=source, check=True)


if __name__ == "__main__":
    print(interpreter(*map(Path, sys.argv[1:2])))

"""README's two commands on a bare Debian: no compiler, nothing but Python and its venv.

    python -m tests.bare_debian bookworm trixie        # as root; needs debootstrap and unshare

For each release it makes a minimal system in a folder, copies the tracked files of this repository
into it, and types README's commands there: as an ordinary user the first must serve its visitor's
fingerprint, and both as that user and as root the second must pass the tests. It takes some minutes
for each, so it is not part of every CI run.

The mounts are made in a mount namespace of each command's own, so they are gone when it ends,
whatever ends it. pip is configured there as it is on this machine.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DEMO, TESTS = (
    re.findall(rf"^python3 -m venv .*{word}.*$", README, re.M)[0] for word in ("demo", "pytest")
)
PACKAGES = "ca-certificates,python3-venv"
SCRIPTS = Path("/usr/share/debootstrap/scripts")
USER = 1000
HOME = Path("/home/newcomer")  # of who types the commands, inside of the system
COPY = HOME / "p0f_middleware"  # of the repository there
_ENTER = """
set -e
mount --rbind /dev {root}/dev && mount -t proc proc {root}/proc && mount -t sysfs sys {root}/sys
exec chroot --userspec={user}:{user} {root} /usr/bin/env -i HOME={home} LANG=C.UTF-8 \\
    PATH=/usr/sbin:/usr/bin:/sbin:/bin {environment} bash -c {command}
"""


def main(releases: list[str]) -> int:
    """Try each release; returns 1 if one of them failed."""
    status = 0
    for release in releases:
        with tempfile.TemporaryDirectory(prefix=f"{release}-") as folder:
            try:
                try_commands(release, Path(folder) / release)
            except (AssertionError, subprocess.CalledProcessError) as error:
                print(f"{release}: FAILED: {error}", flush=True)
                status = 1
    return status


def try_commands(release: str, root: Path) -> None:
    """Make the system, and type README's commands in it; raises what one did not do."""
    # Releases younger than debootstrap are made as sid is.
    script = [] if (SCRIPTS / release).exists() else ["", "sid"]
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(root)]
    subprocess.run([*command, *script], check=True, stdout=subprocess.DEVNULL)
    copy_repository(root / COPY.relative_to("/"))
    pip = pip_options()
    for path in ("/etc/resolv.conf", "/etc/hosts", *filter(os.path.isfile, pip.values())):
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy(path, target)
    assert not (root / "usr/bin/cc").exists(), "a bare system has no compiler"

    def inside(command: str, user: int = USER) -> list[str]:
        """A command line that runs `command` inside of the system, in the copy."""
        script = _ENTER.format(
            root=shlex.quote(str(root)),
            user=user,
            home=HOME,
            environment=" ".join(f"{name}={shlex.quote(value)}" for name, value in pip.items()),
            command=shlex.quote(f"cd {COPY} && {command}"),
        )
        return ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]

    version = subprocess.check_output(inside("python3 --version"), text=True).strip()
    print(f"{release}: {version}; {show_fingerprint(inside(DEMO))}", flush=True)
    for user in (USER, 0):
        subprocess.run(inside(TESTS, user), check=True)
    print(f"{release}: {version}; both commands of README work", flush=True)


def copy_repository(folder: Path) -> None:
    """The files that git knows, as they are here now."""
    tracked = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    for name in filter(None, tracked.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    for path in (folder.parent, folder, *folder.rglob("*")):
        os.chown(path, USER, USER)


def pip_options() -> dict[str, str]:
    """What pip is told here, as variables of the environment."""
    listed = subprocess.check_output([sys.executable, "-m", "pip", "config", "list"], text=True)
    options = {
        f"PIP_{name.upper().replace('-', '_')}": str(ast.literal_eval(value))
        for name, value in re.findall(r"^(?:global|install)\.([\w-]+)=(.*)$", listed, re.M)
    }
    return options | {name: v for name, v in os.environ.items() if name.startswith("PIP_")}


def show_fingerprint(demo: list[str]) -> str:
    """Type README's first command, and look at the page it serves as a visitor would."""
    with subprocess.Popen(
        demo, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        try:
            shown = (re.search(r"http://\S+/", line) for line in process.stdout)
            url = next((match[0] for match in shown if match), None)
            assert url is not None, "the first command ended without serving a page"
            with urllib.request.urlopen(f"{url}json", timeout=30) as response:
                answer = json.load(response)
        finally:
            os.killpg(process.pid, signal.SIGINT)
    assert answer["status"] == "ok", answer
    return f"the page shows {answer['info']['os_name']}, {answer['info']['raw_sig']}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

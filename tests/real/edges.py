"""Edges for tests: HAProxy and nginx in front of gunicorn and uvicorn, with the agent beside."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.servers import BIN

ROOT = Path(__file__).parents[2]

PROXIES = {
    "haproxy": """
defaults
    mode http
frontend edge
    bind BIND
    option forwardfor
    http-request set-header X-Client-Port %[src_port]
    default_backend app
backend app
    server app APP
""",
    "nginx": """
daemon off;
pid FOLDER/nginx.pid;
error_log FOLDER/nginx.log;
events {}
http {
    access_log off;
    server {
        listen BIND;
        location / {
            proxy_pass http://APP;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Client-Port $remote_port;
        }
    }
}
""",
    "caddy": """
{
    admin off
    storage file_system FOLDER
}
http://BIND {
    reverse_proxy APP {
        header_up X-Client-Port {http.request.remote.port}
    }
}
""",
}
_COMMANDS = {
    "haproxy": "haproxy -f {}",
    "nginx": "nginx -e stderr -c {}",
    "caddy": "caddy run --adapter caddyfile --config {}",
}


def proxy(name: str, folder: Path, bind: str, app: str) -> list[str]:
    """The command line of one of PROXIES."""
    path = folder / f"{name}.conf"
    text = PROXIES[name].replace("FOLDER", str(folder)).replace("BIND", bind)
    path.write_text(text.replace("APP", app))
    return _COMMANDS[name].format(path).split()


def servers(gunicorn: str, uvicorn: int) -> tuple[list[str], list[str]]:
    """The command lines of gunicorn (two threads) and uvicorn, on places of the loopback."""
    return (
        [str(BIN / "gunicorn"), "--threads", "2", "-b", gunicorn, "tests.real.app:wsgi"],
        [str(BIN / "uvicorn"), "--port", str(uvicorn), "--no-proxy-headers",
         "tests.real.app:asgi"],
    )  # fmt: skip


def environment(store: str, **options: object) -> dict[str, str]:
    """The applications' environment."""
    return {
        "PYTHONPATH": str(ROOT),
        "P0F_TEST_SOURCE": store,
        "P0F_TEST_MIDDLEWARE": json.dumps(options),
    }


class Agent:
    """A running `p0f-middleware edge` with a log in a folder; `runner` is a command that runs it
    elsewhere, such as `ip netns exec NAME`."""

    def __init__(self, folder: Path, *options: str, runner: Sequence[str] = ()) -> None:
        self._log = folder / "edge.log"
        self._command = [*runner, sys.executable, "-m", "p0f_middleware", "edge", *options]
        self._process: subprocess.Popen[bytes]

    def __enter__(self) -> Agent:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stderr=log, cwd=ROOT)
        self.wait_for("go to")
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def log(self) -> str:
        """Its output so far."""
        return self._log.read_text()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, words: str, times: int = 1) -> None:
        """Wait until its output has the text that often."""
        deadline = time.monotonic() + 30
        while self.log.count(words) < times:
            assert self._process.poll() is None or words in self.log, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)

    def counts(self) -> str:
        """Its line of counts."""
        before = self.log.count("SYNs seen")
        self._process.send_signal(signal.SIGUSR1)
        self.wait_for("SYNs seen", before + 1)
        return self.log.splitlines()[-1]

    def counts_once(self, beginning: str) -> str:
        """Its line of counts, when that begins so."""
        deadline = time.monotonic() + 30
        while not (counts := self.counts()).startswith(beginning):
            assert time.monotonic() < deadline, counts
            time.sleep(0.01)
        return counts

    def end(self) -> int:
        """End it as systemd does; returns its exit status."""
        return ended(self._process)


def ended(process: subprocess.Popen[bytes]) -> int:
    process.terminate()
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        raise


@contextlib.contextmanager
def namespaces(*names: str) -> Iterator[None]:
    """Network namespaces with a loopback interface that is up, removed at the end."""
    with contextlib.ExitStack() as stack:
        for name in names:
            run("ip", "netns", "add", name)
            stack.callback(run, "ip", "netns", "delete", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        yield


def cable(one: str, two: str, subnet: int) -> None:
    """A link between two namespaces: 10.9.SUBNET.1 and .2, fd09:SUBNET::1 and ::2."""
    names = f"to{two[-6:]}", f"to{one[-6:]}"
    run("ip", "-n", one, "link", "add", names[0], "type", "veth", "peer", names[1], "netns", two)
    for number, (space, name) in enumerate(zip((one, two), names, strict=True), 1):
        run("ip", "-n", space, "addr", "add", f"10.9.{subnet}.{number}/24", "dev", name)
        address = f"fd09:{subnet}::{number}/64"
        run("ip", "-n", space, "addr", "add", address, "dev", name, "nodad")
        run("ip", "-n", space, "link", "set", name, "up")


def run(*command: str) -> str:
    """Run a command that must succeed; returns what it prints."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout

"""A temporary folder, certificates, and processes that all end with it."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import certifi
import trustme

PARTING_SECONDS = 10.0
POLL_SECONDS = 0.01

Process = subprocess.Popen[bytes]


class Broken(Exception):
    """A figure cannot be taken. The text says whose fault it seems to be."""


class Stage:
    """``ca_file`` has signed the servers; ``bundle`` holds it among the public ones."""

    def __init__(self) -> None:
        # Short: control sockets are made in it, and their paths may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="roost-bench-", dir="/tmp"))
        authority = trustme.CA()
        self.ca_file = self.folder / "ca.pem"
        self.bundle = self.folder / "bundle.pem"
        self.server_pem = self.folder / "server.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.bundle.write_bytes(Path(certifi.where()).read_bytes() + self.ca_file.read_bytes())
        server = authority.issue_cert("127.0.0.1", "localhost")
        server.private_key_and_cert_chain_pem.write_to_path(str(self.server_pem))
        self._processes: list[Process] = []
        self._folders = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            end(process)
        shutil.rmtree(self.folder)

    def new_folder(self) -> Path:
        self._folders += 1
        folder = self.folder / str(self._folders)
        folder.mkdir(mode=0o700)
        return folder

    @contextmanager
    def process(self, command: list[str], *, orders: object = None, stdout: int = -1) -> Iterator[Process]:
        """Run ``command`` until the block is left.

        ``orders`` are written to its standard input as JSON: tokens do not belong into an argument list.
        """
        process = self.start(command, orders=orders, stdout=stdout)
        try:
            yield process
        finally:
            end(process)
            self._processes.remove(process)

    def start(self, command: list[str], *, orders: object = None, stdout: int = -1) -> Process:
        with (self.folder / "errors").open("ab") as errors:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL if stdout < 0 and stdout != subprocess.PIPE else stdout,
                stderr=errors,
                env=self._environment(),
                process_group=0,  # Ctrl-C is for us: we end them
            )
        self._processes.append(process)
        if orders is not None and process.stdin:
            process.stdin.write(json.dumps(orders).encode() + b"\n")
            process.stdin.flush()
        return process

    def last_errors(self) -> str:
        return (self.folder / "errors").read_text(errors="replace").strip()[-2000:]

    def _environment(self) -> dict[str, str]:
        """Nothing that would send loopback through a proxy or configure the product, and our certificates."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.lower().endswith("_proxy") and not name.startswith("ROOST_")
        }
        return kept | {"SSL_CERT_FILE": str(self.bundle), "REQUESTS_CA_BUNDLE": str(self.bundle)}


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]


def end(process: Process) -> None:
    """Ask with SIGTERM, and then insist on the whole of its process group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(PARTING_SECONDS)
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def wait_until(happened: Callable[[], bool], seconds: float, what: str) -> None:
    """Raise ``Broken`` if ``happened`` is still false after ``seconds``."""
    end_at = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end_at:
            raise Broken(f"not within {seconds:.0f} s: {what}")
        time.sleep(POLL_SECONDS)

"""The whole of fs2od as its users start it: real processes, real HTTPS, mails as files. For tests of the whole.

Every wait here is bounded and polls; every process that is started is ended.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import IO, Any, Self, TypeVar

import httpx

from fs2od.testing import microscope
from fs2od.testing.ports import free_ports

__all__ = ["Mail", "System", "tree", "wait_for"]

Found = TypeVar("Found")
_POLL_S = 0.1


def wait_for(look: Callable[[], Found | None], *, within_s: float = 60, what: str = "it") -> Found:
    """Return the first result of `look` that is true.

    Raises:
        TimeoutError: There was none within the time.
    """
    end = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what} did not come within {within_s} s")
        time.sleep(_POLL_S)
    return found


def tree(folder: Path) -> dict[str, str]:
    """Return every file below a folder by its relative path, with the SHA-256 of its bytes; directories as "dir"."""
    return {
        str(path.relative_to(folder)): "dir" if path.is_dir() else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if not path.is_symlink()
    }


@dataclass(frozen=True)
class Mail:
    """One mail of the outbox: its message, and what people look for in its plain text."""

    message: EmailMessage
    raw: bytes

    @property
    def text(self) -> str:
        """The plain-text part."""
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def link(self) -> str:
        """The share's link, alone on its line."""
        return self._line(r"https://\S+/share/[0-9a-h]+")

    @property
    def members_token(self) -> str:
        """The members' invite token, alone on its line."""
        return self._line(r"[A-Za-z0-9]{100,}")

    def _line(self, pattern: str) -> str:
        found = [line.strip() for line in self.text.splitlines() if re.fullmatch(pattern, line.strip())]
        assert found, f"the mail has no line like {pattern}"
        return found[0]


class System:
    """`fs2od up` in a folder of its own, with a watched folder beside it."""

    def __init__(self, home: Path, *, port: int | None = None) -> None:
        self.home = home
        self.data = home / "data"
        self.watched = home / "watched"
        self.watched.mkdir(exist_ok=True)
        self.port = port or free_ports()
        self.facts: Mapping[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """What the processes said on stderr."""
        return (self.home / "stderr.log").read_text(errors="replace")

    def start(self, *more: str, within_s: float = 120, env: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Start `fs2od up` and return its ready line."""
        arguments = ["up", "--data", str(self.data), "--watch", str(self.watched), "--port", str(self.port), "--json"]
        return self._start([*arguments, *more], within_s, env)

    def start_node(self, *more: str, within_s: float = 120) -> Mapping[str, Any]:
        """Start `fs2od node` alone and return its ready line."""
        arguments = ["node", "--data", str(self.data / "node"), "--port", str(self.port), "--json"]
        return self._start([*arguments, *more], within_s, None)

    def _start(self, arguments: list[str], within_s: float, env: Mapping[str, str] | None) -> Mapping[str, Any]:
        self._log = (self.home / "stderr.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fs2od", *arguments],
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, **(env or {})},
        )
        self.facts = json.loads(self._ready_line(within_s))
        return self.facts

    def stop(self, *, within_s: float = 60) -> int | None:
        """Stop it as Ctrl-C does and return its exit code."""
        if self.process is None:
            return None
        self.process.send_signal(signal.SIGINT)
        try:
            with self._explained():
                code = self.process.wait(within_s)
        finally:
            self._close()
        return code

    def kill(self) -> None:
        """End it without warning."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self._close()

    def mails(self) -> list[Mail]:
        """Return the mails of the outbox, oldest first."""
        files = sorted((self.data / "outbox").glob("*.eml"))
        return [_mail(path.read_bytes()) for path in files]

    def wait_for_mail(self, count: int = 1, *, within_s: float = 120) -> Mail:
        """Return the mail number `count` (from 1), once it lies in the outbox."""

        def look() -> list[Mail] | None:
            found = self.mails()
            return found if len(found) >= count else None

        with self._explained():
            return wait_for(look, within_s=within_s, what=f"mail {count}")[count - 1]

    def record(self, session: microscope.Session, name: str, *, mails: int = 1) -> Path:
        """Let a microscope write a dataset, as fast as the disk allows, and return its folder.

        Acquisition ends when there are so many mails, the last one its announcement: one that was never seen running would be
        complete only after the quiet period, and how fast that goes is the machine's affair.
        """

        def hold(progress: microscope.Progress) -> None:
            if progress.files == progress.total_files:
                self.wait_for_mail(mails)

        folder = self.watched / name
        microscope.write(session, folder, start=datetime.now(UTC), duration=timedelta(0), progress=hold)
        return folder

    def http(self, *, administrator: bool = False) -> httpx.Client:
        """Return an HTTP client that trusts the node's authority, as a guest or with the administrator's token."""
        headers = {}
        if administrator:
            headers["X-Auth-Token"] = Path(self.facts["admin_token_file"]).read_text().strip()
        verify = ssl.create_default_context(cafile=self.facts["ca"])
        return httpx.Client(verify=verify, headers=headers, timeout=30)

    def run(self, *arguments: str, within_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run another `fs2od` command to its end."""
        command = [sys.executable, "-m", "fs2od", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=within_s, check=False)

    def _ready_line(self, within_s: float) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        os.set_blocking(self.process.stdout.fileno(), False)
        line = b""

        def look() -> bytes | None:
            nonlocal line
            assert self.process is not None
            assert self.process.stdout is not None
            line += self.process.stdout.read() or b""
            if self.process.poll() is not None:
                raise RuntimeError(f"fs2od ended with {self.process.returncode}: {self.log[-2000:]}")
            return line if line.endswith(b"\n") else None

        with self._explained():
            return wait_for(look, within_s=within_s, what="the ready line")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Let what does not come in time be told with what the processes said last."""
        try:
            yield
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            error.add_note(f"they said: {self.log[-2000:]}")
            raise

    def _close(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        if self._log is not None:
            self._log.close()
        self.process = None


def _mail(raw: bytes) -> Mail:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return Mail(message, raw)

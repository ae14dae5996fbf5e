"""The two servers that are compared, each a process of its own with one worker, and a client that costs little."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Server", "nginx", "node"]

_ROOT = Path(__file__).parent.parent
_MIB = 1 << 20
_NGINX = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr crit; {user}
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; default_type application/octet-stream; keepalive_requests 100000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port} {tls}; root {root}; }}
}}
"""


@dataclass
class Server:
    """Where a server listens, how its bytes are reached, and which process does the work."""

    port: int
    large: str
    folder: str
    process: int
    tls: ssl.SSLContext | None

    def whole(self) -> tuple[float, float]:
        """Fetch the large file; return bytes per second and the server's processor seconds."""
        before, began = self._cpu_s(), time.perf_counter()
        with self._connected() as connection:
            size = _fetch(connection, self.large)
        seconds = time.perf_counter() - began
        return size / seconds, self._cpu_s() - before

    def archive(self) -> float:
        """Fetch the folder as an archive; return its bytes per second."""
        began = time.perf_counter()
        with self._connected() as connection:
            path = "/" + _location(connection, self.folder).split("/", 3)[3]
        with self._connected() as connection:
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            size, buffer = 0, bytearray(_MIB)
            while count := connection.recv_into(buffer):
                size += count
        return size / (time.perf_counter() - began)

    def ranges(self, size: int, *, connections: int = 16, seconds: float = 4) -> float:
        """Fetch ranges of 1 MiB at random; return how many per second."""
        until = time.perf_counter() + seconds
        fetched = [0] * connections

        def work(number: int) -> None:
            chosen = random.Random(number)
            with self._connected() as connection:
                while time.perf_counter() < until:
                    first = chosen.randrange(size - _MIB)
                    assert _fetch(connection, self.large, f"Range: bytes={first}-{first + _MIB - 1}\r\n") == _MIB
                    fetched[number] += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(connections)]
        began = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return sum(fetched) / (time.perf_counter() - began)

    def _cpu_s(self) -> float:
        fields = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def _connected(self) -> Iterator[socket.socket]:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        with self.tls.wrap_socket(plain, server_hostname="localhost") if self.tls else plain as connection:
            yield connection


def _fetch(connection: socket.socket, path: str, more: str = "") -> int:
    """Ask for a path, read and forget the body, and return its size."""
    head, rest = _asked(connection, path, more)
    length = int(
        next(line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    )
    left, buffer = length - len(rest), bytearray(_MIB)
    while left:
        count = connection.recv_into(buffer, min(left, _MIB))
        assert count, "the answer was cut"
        left -= count
    return length


def _asked(connection: socket.socket, path: str, more: str = "") -> tuple[bytes, bytes]:
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        part = connection.recv(65536)
        assert part, "no answer"
        data += part
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head[9:10] in b"23", head
    return head, rest


def _location(connection: socket.socket, path: str) -> str:
    head, _ = _asked(connection, path)
    return next(line[9:].strip().decode() for line in head.split(b"\r\n") if line.lower().startswith(b"location:"))


@contextmanager
def node(state: Path, data: Path, *, tls: bool) -> Iterator[tuple[Server, dict[str, str]]]:
    """Run a node over `data`; yield it, and where its certificate lies."""
    command = [sys.executable, "-m", "bench.serve_once", str(state), str(data), "tls" if tls else "plain"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=_ROOT)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        context = ssl.create_default_context(cafile=said["ca"]) if tls else None
        yield Server(said["port"], said["large"], said["folder"], process.pid, context), said
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


@contextmanager
def nginx(state: Path, data: Path, certificate: dict[str, str], *, tls: bool) -> Iterator[Server]:
    """Run nginx over `data`, untuned but for sendfile."""
    program = shutil.which("nginx") or "/usr/sbin/nginx"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state.mkdir()
    lines = f"ssl; ssl_certificate {certificate['certificate']}; ssl_certificate_key {certificate['key']}"
    settings = _NGINX.format(
        folder=state, port=port, root=data, tls=lines if tls else "", user="user root;" if os.geteuid() == 0 else ""
    )
    (state / "conf").write_text(settings)
    process = subprocess.Popen([program, "-e", "stderr", "-p", str(state), "-c", str(state / "conf")])
    try:
        context = ssl.create_default_context(cafile=certificate["ca"]) if tls else None
        yield Server(port, "/large", "", _worker(process.pid, port), context)
    finally:
        process.terminate()
        process.wait(30)


def _worker(master: int, port: int) -> int:
    """Wait until it answers, and return the process that does."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
            continue
        if children:
            return int(children[0])
    raise TimeoutError("nginx did not start")

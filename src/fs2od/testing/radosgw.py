"""A real S3 server for tests: Ceph's object gateway with one monitor and one store, on loopback, in a folder of its own.

```python
with shared(folder) as server:  # every process that names the folder gets the same one; the last to leave stops it
    storage = S3Storage(server.bucket())
```
Needs Debian's ceph-mon, ceph-osd, radosgw and ceph-common. The first start takes about 17 s and 0.7 GB of memory.

Learnt the hard way: keys must be used (without, the gateway never comes up), and no public_bind_addr be given.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fs2od.node.certificates import ensure_certificate
from fs2od.storage.s3 import S3Settings, client_of
from fs2od.testing.ports import free_ports

__all__ = ["PROGRAMS", "Gateway", "Radosgw", "shared"]

PROGRAMS = ("ceph", "ceph-authtool", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin")
_STARTED_WITHIN_S = 120.0
_COMMAND_WITHIN_S = 60.0
_LOOKS_EVERY_S = 0.1
_GATEWAY = ("radosgw", "-c", "ceph.conf", "-n", "client.admin", "-f", "--keyring", "keyring")

_CONFIGURATION = """
[global]
fsid = {fsid}
mon_host = v1:127.0.0.1:{mon_port}
mon_initial_members = a
auth_cluster_required = cephx
auth_service_required = cephx
auth_client_required = cephx
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
mon_warn_on_pool_no_redundancy = false
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
keyring = {home}/keyring
run_dir = {home}
log_file = {home}/$name.log
admin_socket = {home}/$name.asok
mon_data = {home}/mon
osd_data = {home}/osd
osd_objectstore = bluestore
bluestore_block_size = 12884901888
bluestore_block_create = true
osd_memory_target = 1000000000
rgw_frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls_port} ssl_certificate={home}/tls/server.pem ssl_private_key={home}/tls/server.key
rgw_dns_name = localhost
# Quotas are looked up anew at each request, so that a test need not wait.
rgw_bucket_quota_ttl = 0
rgw_user_quota_bucket_sync_interval = 1
"""


@dataclass(frozen=True)
class Radosgw:
    """A running server."""

    home: Path
    port: int
    tls_port: int
    ca: Path
    """The private authority that signed its certificate."""

    @property
    def tls_endpoint(self) -> str:
        """Its address with TLS; nobody trusts it who was not told of `ca`."""
        return f"https://localhost:{self.tls_port}"

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def bucket(self, *, prefix: str = "") -> S3Settings:
        """Return how to reach a new bucket of a new user."""
        _, access, secret = self.add_user()
        settings = S3Settings(self.endpoint, f"bucket-{secrets.token_hex(4)}", access, secret, prefix=prefix)
        client = client_of(settings)
        client.create_bucket(Bucket=settings.bucket)
        client.close()
        return settings

    def add_user(self) -> tuple[str, str, str]:
        """Return the name, the access key and the secret key of a new user, who may make buckets."""
        name, access, secret = f"user-{secrets.token_hex(4)}", secrets.token_hex(10), secrets.token_hex(20)
        said = ("--display-name", name, "--access-key", access, "--secret-key", secret)
        self.admin("user", "create", "--uid", name, *said)
        return name, access, secret

    @contextmanager
    def gateway(self, **settings: str) -> Iterator[Gateway]:
        """Yield a further gateway to the same store, which may be stopped and started; with these settings of Ceph's."""
        gateway = Gateway(self.home, free_ports(1), settings)
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.stop()

    def admin(self, *arguments: str) -> str:
        """Return what the administrator's command prints."""
        return _run(self.home, "radosgw-admin", "-c", "ceph.conf", *arguments)


class Gateway:
    """A process that answers S3."""

    def __init__(self, home: Path, port: int, settings: Mapping[str, str]) -> None:
        self.port = port
        self._home = home
        self._settings = {
            "rgw_frontends": f"beast endpoint=127.0.0.1:{port}",
            "admin_socket": f"{home}/gateway-{port}.asok",
            "log_file": f"{home}/gateway-{port}.log",
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = [f"--{name}={value}" for name, value in self._settings.items()]
        self._process = _daemon(self._home, *_GATEWAY, *options)
        _until(lambda: _answers(self.port), "the gateway", self._process, self._home / "radosgw.out")

    def stop(self) -> None:
        """Kill it, if it runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(_COMMAND_WITHIN_S)
            self._process = None


@contextmanager
def shared(folder: Path) -> Iterator[Radosgw]:
    """Yield the server of this folder: started by the first process that asks, stopped when the last one has left.

    A guard, a process of its own, keeps it. That it is still needed is said by a lock that every user holds: the kernel
    lets go of a killed one's, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "starting").open("w") as starting, (folder / "used").open("w") as used:
        fcntl.flock(starting, fcntl.LOCK_EX)
        fcntl.flock(used, fcntl.LOCK_SH)
        ready = folder / "ready"
        if not ready.exists():
            with (folder / "guard.log").open("w") as log:
                guard = subprocess.Popen(
                    [sys.executable, "-m", "fs2od.testing.radosgw", str(folder)],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
            # Each of its steps ends in a while, well or not; together they may take long where others are at work.
            while not ready.exists() and guard.poll() is None:
                time.sleep(_LOOKS_EVERY_S)
            if not ready.exists():
                raise RuntimeError(
                    f"the S3 server did not start: {(folder / 'guard.log').read_text(errors='replace')[-1000:]}"
                )
            guard.returncode = 0  # not waited for: it outlives this process if another one needs it
        fcntl.flock(starting, fcntl.LOCK_UN)
        told = json.loads(ready.read_text())
        yield Radosgw(Path(told["home"]), told["port"], told["tls_port"], Path(told["ca"]))


def _guard(folder: Path) -> None:
    """Start the server, wait until nobody needs it, and stop it."""
    home = _place(folder) / f"server-{secrets.token_hex(4)}"
    daemons: list[subprocess.Popen[bytes]] = []
    ready = folder / "ready"
    try:
        port, tls_port, ca = _start(home, daemons)
        prepared = folder / "ready.partial"
        prepared.write_text(json.dumps({"home": str(home), "port": port, "tls_port": tls_port, "ca": str(ca)}))
        prepared.rename(ready)
        with (folder / "starting").open() as starting, (folder / "used").open() as used:
            while True:
                fcntl.flock(used, fcntl.LOCK_EX)
                fcntl.flock(used, fcntl.LOCK_UN)
                # Nobody comes in from here on, or somebody just did.
                fcntl.flock(starting, fcntl.LOCK_EX)
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(used, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    ready.unlink()
                    return
                fcntl.flock(starting, fcntl.LOCK_UN)
    finally:
        for daemon in reversed(daemons):
            daemon.kill()
            daemon.wait(_COMMAND_WITHIN_S)
        shutil.rmtree(home, ignore_errors=True)


def _place(folder: Path) -> Path:
    """Return the folder itself, or that of temporary files where the store cannot lie in it: it passes by the page cache.

    File systems in memory refuse that before Linux 6.6.
    """
    probe = folder / "probe"
    try:
        os.close(os.open(probe, os.O_CREAT | os.O_RDWR | os.O_DIRECT))
    except OSError:
        return Path(tempfile.gettempdir())
    finally:
        probe.unlink(missing_ok=True)
    return folder


def _start(home: Path, daemons: list[subprocess.Popen[bytes]]) -> tuple[int, int, Path]:
    """Make a new cluster and start it; return the gateway's port, that with TLS, and the authority of its certificate."""
    for folder in ("mon", "osd"):
        (home / folder).mkdir(parents=True)
    fsid, port, tls_port, mon_port = str(uuid.uuid4()), free_ports(1), free_ports(1), free_ports(1)
    certificate = ensure_certificate(home / "tls", ["localhost", "127.0.0.1"])
    (home / "tls" / "server.pem").write_bytes(certificate.certificate.read_bytes())
    (home / "tls" / "server.key").write_bytes(certificate.key.read_bytes())
    configuration = _CONFIGURATION.format(fsid=fsid, home=home, port=port, tls_port=tls_port, mon_port=mon_port)
    (home / "ceph.conf").write_text(configuration)
    ceph = ("ceph", "-c", "ceph.conf")
    caps = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
    _run(home, "ceph-authtool", "--create-keyring", "keyring", "--gen-key", "-n", "client.admin", *caps)
    monitor_caps = ("-n", "mon.", "--cap", "mon", "allow *")
    _run(home, "ceph-authtool", "--create-keyring", "mon.keyring", "--gen-key", *monitor_caps)
    _run(home, "ceph-authtool", "mon.keyring", "--import-keyring", "keyring")
    _run(home, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[v1:127.0.0.1:{mon_port}]", "monmap")
    mon = ("ceph-mon", "-c", "ceph.conf", "-i", "a")
    _run(home, *mon, "--mkfs", "--monmap", "monmap", "--keyring", "mon.keyring")
    daemons.append(_daemon(home, *mon, "-f", "--keyring", "mon/keyring"))
    osd, secret = str(uuid.uuid4()), _run(home, "ceph-authtool", "--gen-print-key").strip()
    _run(home, *ceph, "osd", "new", osd, "-i", "-", said=json.dumps({"cephx_secret": secret}))
    _run(home, "ceph-authtool", "--create-keyring", "osd/keyring", "--name", "osd.0", "--add-key", secret)
    _run(home, "ceph-osd", "-c", "ceph.conf", "-i", "0", "--mkfs", "--osd-uuid", osd, "--keyring", "osd/keyring")
    daemons.append(_daemon(home, "ceph-osd", "-c", "ceph.conf", "-i", "0", "-f", "--keyring", "osd/keyring"))
    _until(lambda: "1 up" in _run(home, *ceph, "osd", "stat"), "the store", daemons[-1], home / "ceph-osd.out")
    daemons.append(_daemon(home, *_GATEWAY))
    _until(lambda: _answers(port) and _answers(tls_port), "the gateway", daemons[-1], home / "radosgw.out")
    return port, tls_port, certificate.ca


def _daemon(home: Path, *command: str) -> subprocess.Popen[bytes]:
    with (home / f"{command[0]}.out").open("ab") as out:
        return subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL, stdout=out, stderr=out)


def _run(home: Path, *command: str, said: str = "") -> str:
    done = subprocess.run(
        command, cwd=home, input=said, capture_output=True, text=True, timeout=_COMMAND_WITHIN_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout


def _until(there: Callable[[], bool], what: str, daemon: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + _STARTED_WITHIN_S
    while not there():
        if time.monotonic() > ends or daemon.poll() is not None:
            said = log.read_text(errors="replace")[-1000:] if log.exists() else ""
            raise RuntimeError(f"{what} did not start: {said}")
        time.sleep(_LOOKS_EVERY_S)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


if __name__ == "__main__":
    _guard(Path(sys.argv[1]))

"""A Slurm cluster of one machine, for tests of jobs: munged, slurmctld and slurmd of Debian on free ports of loopback."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from fs2od.testing.ports import free_ports
from fs2od.testing.system import wait_for

__all__ = ["Slurm"]

_LONGEST_S = 60.0
_CONFIGURATION = """\
ClusterName=test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
SlurmUser=root
StateSaveLocation={home}/state
SlurmdSpoolDir={spool}
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
MpiDefault=none
KillWait=2
Prolog={prolog}
Epilog={epilog}
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes=localhost Default=YES MaxTime=INFINITE State=UP
"""


class Slurm:
    """A cluster that runs jobs. Use it as a context manager. Needs Debian's slurm-wlm and munge, and root."""

    def __init__(self, home: Path, *, prolog: str, epilog: str) -> None:
        """Prepare a cluster.

        Args:
            home: An empty folder for its state.
            prolog: A shell script that root runs before each job.
            epilog: A shell script that root runs after each job.
        """
        self.home = home
        self._scripts = {"prolog": prolog, "epilog": epilog}
        self._daemons: list[subprocess.Popen[bytes]] = []
        # With a short name, whatever the home is called: a job's socket lies in it, whose path has 107 bytes at most.
        self._spool = tempfile.TemporaryDirectory(prefix="slurm-", ignore_cleanup_errors=True)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of commands of this cluster."""
        return {**os.environ, "SLURM_CONF": str(self.home / "slurm.conf")}

    def __enter__(self) -> Self:
        (self.home / "state").mkdir(parents=True)
        for name, text in self._scripts.items():
            script = self.home / name
            script.write_text(f"#!/bin/sh\n{text}\n")
            script.chmod(0o755)
        key = self.home / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        self._configure()
        options = [f"--{name}-file={self.home}/munge.{name}" for name in ("key", "pid", "log", "seed")]
        try:
            self._start("munged", "--foreground", "--force", f"--socket={self.home}/munge.socket", *options)
            wait_for((self.home / "munge.socket").exists, within_s=_LONGEST_S, what="munged")
            self._start("slurmctld", "-D")
            self._start("slurmd", "-D")
            wait_for(self._is_up, within_s=_LONGEST_S, what="Slurm")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for daemon in reversed(self._daemons):
            daemon.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                daemon.wait(10)
            daemon.kill()
            daemon.wait()
        self._spool.cleanup()

    def submit(self, script: str, output: Path) -> str:
        """Return the id of a job that was queued.

        Raises:
            subprocess.CalledProcessError: Slurm does not take it.
        """
        said = self._run("sbatch", "--parsable", "-n", "1", "-o", str(output), "--wrap", script)
        return said.strip()

    def cancel(self, job: str) -> None:
        """End a job before its end."""
        self._run("scancel", job)

    def state(self, job: str) -> str:
        """Return what Slurm says of a job, such as "RUNNING" or "COMPLETED"."""
        told = dict(word.partition("=")[::2] for word in self._run("scontrol", "-o", "show", "job", job).split())
        return told.get("JobState", "")

    def wait(self, job: str, *, within_s: float = _LONGEST_S) -> str:
        """Return how a job ended.

        Raises:
            TimeoutError: It does not.
        """
        running = {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING", ""}
        wait_for(lambda: self.state(job) not in running, within_s=within_s, what=f"job {job}")
        return self.state(job)

    def _configure(self) -> None:
        control = free_ports(2)
        (self.home / "slurm.conf").write_text(
            _CONFIGURATION.format(
                home=self.home,
                spool=self._spool.name,
                control=control,
                node=control + 1,
                prolog=self.home / "prolog",
                epilog=self.home / "epilog",
                host=socket.gethostname().partition(".")[0],
                cpus=os.cpu_count() or 1,
            )
        )

    def _start(self, name: str, *words: str) -> None:
        log = (self.home / f"{name}.out").open("wb")
        with log:
            daemon = subprocess.Popen(
                [f"/usr/sbin/{name}", *words], env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._daemons.append(daemon)

    def _is_up(self) -> bool:
        said = subprocess.run(
            ["/usr/bin/sinfo", "-h", "-o", "%T"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        return said.stdout.strip() == "idle"

    def _run(self, name: str, *words: str) -> str:
        done = subprocess.run(
            [f"/usr/bin/{name}", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=True,
        )
        return done.stdout

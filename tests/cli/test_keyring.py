"""`fs2od login` with a desktop's keyring: GNOME's own, in a session of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

from fs2od.testing.system import tree
from fs2od.testing.world import ServedWorld, serve_world


def in_session(home: Path, world: ServedWorld, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run lines of shell in a session with an unlocked keyring, which ends with them."""
    script = "\n".join(["printf pw | gnome-keyring-daemon --unlock --components=secrets > unlocked", *lines])
    runtime = home / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("FS2OD_", "ONECLIENT_", "XDG_"))}
    clean.pop("DBUS_SESSION_BUS_ADDRESS", None)
    environment = clean | {
        "HOME": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        "FS2OD_CA": str(world.ca),
        "ZONE": world.node.settings.zone_url,
        "FS2OD": shlex.join([sys.executable, "-m", "fs2od"]),
    }
    words = ["dbus-run-session", "--", "sh", "-eu", "-c", script]
    return subprocess.run(words, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_token_is_kept_in_the_keyring_used_from_it_and_forgotten(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    with serve_world(tmp_path / "world") as world:
        dataset = world.dataset(world.administrator, {"a": b"1"}, name="grid 7")
        text = world.administrator.token.reveal()
        (home / "pasted").write_text(text)
        done = in_session(
            home,
            world,
            'cat pasted | $FS2OD login --zone "$ZONE" --token-file -',
            "rm pasted",
            "$FS2OD download 'grid 7' out",
            "cat .config/fs2od/*.token > told",
            '$FS2OD logout --zone "$ZONE"',
            "$FS2OD download 'grid 7' again --zone \"$ZONE\" && exit 9 || test $? = 3",
        )
    assert done.returncode == 0, done.stderr
    assert "the token is kept in the keyring" in done.stderr
    assert tree(home / "out") == tree(dataset.folder)
    assert text not in (home / "told").read_text()
    assert text not in done.stderr + done.stdout


def test_a_locked_keyring_is_said_in_one_line_with_what_to_do(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    lock = "import secretstorage as s; s.get_default_collection(s.dbus_init()).lock()"
    with serve_world(tmp_path / "world") as world:
        (home / "pasted").write_text(world.administrator.token.reveal())
        done = in_session(
            home,
            world,
            'cat pasted | $FS2OD login --zone "$ZONE" --token-file - 2> said',
            f"{shlex.quote(sys.executable)} -c {shlex.quote(lock)}",
            "$FS2OD download 'grid 7' out && exit 9 || echo $?",
            'cat pasted | $FS2OD login --zone "$ZONE" --token-file - && exit 9 || echo $?',
        )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if "the keyring refuses" in line]
    assert len(said) == 2
    assert all("unlock it, or keep the token in a file by fs2od login --no-keyring" in line for line in said)

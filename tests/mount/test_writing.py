"""Files written through real mounts by real programs, into spaces of real nodes; and what is said on bad days."""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import mrcfile
import numpy as np
import pytest
from tests.mount.desk import Desk

from fs2od.onedata.privileges import SPACE_MEMBER
from fs2od.onedata.tokens import DataReadonly
from fs2od.testing.system import tree
from fs2od.testing.world import serve_world, wait_until

LONGEST_S = 60.0
MIDDLE = random.Random(8).randbytes(5 << 20)
BIG = random.Random(7).randbytes(17 << 20)


WRITES_MOVIE = """
import sys, mrcfile, numpy
with mrcfile.new("movie.mrc") as written:
    written.set_data(numpy.load(sys.argv[1]))
    written.voxel_size = 1.5
with mrcfile.mmap("movie.mrc", mode="r+") as mapped:
    mapped.data[1, 2, 3] = 42.0
"""


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with serve_world(tmp_path / "world") as world:
        yield Desk(world, tmp_path / "home")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def shell(command: str, folder: Path) -> str:
    done = subprocess.run(
        ["/bin/bash", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_programs_write_into_a_mount_as_they_write_on_a_disk(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    given = tmp_path / "given"
    (given / "deep" / "er").mkdir(parents=True)
    (given / "deep" / "er" / "ü #%41.txt").write_bytes(b"name")
    (given / "big.mrc").write_bytes(BIG)
    (given / "empty").touch()
    (given / "run.sh").write_text("#!/bin/sh\necho it runs\n")
    (given / "run.sh").chmod(0o755)
    script = f"""
        cp -r {given} copied
        tar c -C {given} . | (mkdir unpacked && tar x -C unpacked)
        cp -a {given}/deep kept && touch -d 2020-02-02 kept
        printf one > log; for n in two three; do printf $n >> log; done; cat log
        dd if={given}/big.mrc of=moved bs=1M seek=3 skip=2 status=none
        dd if=/dev/zero of=copied/big.mrc bs=1000 count=3 seek=15000 conv=notrunc status=none
        truncate -s 70000 copied/empty; truncate -s 17000000 moved; truncate -s 3000 log
        mkdir a b; echo x > a/f; mv a/f b/g; mv b c; echo y > d; echo z > e; mv e d; mv c a/c; mkdir hollow; mv hollow a
        cp {given}/big.mrc unpacked/empty; cp {given}/empty unpacked/big.mrc
        rm -r copied/deep; rmdir a/hollow; rm log; chmod 600 d; stat -c %A copied/run.sh d
        copied/run.sh
        find . -type f -print0 | sort -z | xargs -0 md5sum
    """
    with desk.mounted() as mount:
        # Members may what the owner may: in a mount, group and owner are the same.
        said = shell(script, mount.point).replace("rwxrwxr-x", "rwxr-xr-x").replace("rw-rw----", "rw-------")
        assert said == shell(script, tmp_path / "disk")
        assert tree(mount.point) == tree(tmp_path / "disk")
        assert mount.end() == 0
    assert not list(desk.spool.iterdir())
    assert desk.there() == tree(tmp_path / "disk") == desk.downloaded(tmp_path / "downloaded")
    assert (desk.dataset.folder / "copied" / "run.sh").exists()


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_is_done_to_a_file_reads_as_on_a_disk(desk: Desk, tmp_path: Path, seed: int) -> None:
    chosen, size = random.Random(seed), 9 << 20
    disk, held = tmp_path / "disk", desk.home / "mnt" / "file"
    with desk.mounted():
        for path in (disk, held):
            path.write_bytes(BIG[:size])
        for _ in range(6):
            with disk.open("r+b") as local, held.open("r+b") as remote:
                for _ in range(25):
                    _change(chosen, local, remote)
            assert held.read_bytes() == disk.read_bytes()
        assert held.stat().st_size == disk.stat().st_size
    assert (desk.dataset.folder / "file").read_bytes() == disk.read_bytes()


def _change(chosen: random.Random, *files: BinaryIO) -> None:
    what, start, count = chosen.randrange(10), chosen.randrange(10 << 20), chosen.randrange(1, 300_000)
    data, size = chosen.randbytes(count), chosen.randrange(4 << 20, 11 << 20)
    seen = []
    for file in files:
        if what < 5:
            os.pwrite(file.fileno(), data, start)
        elif what == 5:
            os.ftruncate(file.fileno(), size)
        elif what == 6:
            os.fsync(file.fileno())
        seen.append(os.pread(file.fileno(), count, start))
    assert seen[0] == seen[1]


def test_git_sqlite_mrcfile_and_memory_maps_work(desk: Desk, tmp_path: Path) -> None:
    movie = np.random.default_rng(1).normal(size=(3, 256, 257)).astype(np.float32)
    with desk.mounted() as mount:
        np.save(tmp_path / "movie.npy", movie)
        # In another process: this one serves the node, and waits for its own memory map with all its threads.
        subprocess.run([sys.executable, "-c", WRITES_MOVIE, tmp_path / "movie.npy"], cwd=mount.point, check=True)
        shell("git init -q g && cd g && git config user.email a@b && git config user.name n", mount.point)
        shell("echo 1 > f && git add f && git commit -qm one && git gc -q && git fsck && git status", mount.point / "g")
        assert shell("sqlite3 x.db 'create table t(a); insert into t values(7); select * from t'", mount.point) == "7\n"
        assert mount.end() == 0
    movie[1, 2, 3] = 42.0
    with mrcfile.open(desk.dataset.folder / "movie.mrc") as kept:
        assert np.array_equal(kept.data, movie)
    assert shell("sqlite3 x.db 'select * from t'", desk.dataset.folder) == "7\n"
    assert "one" in shell(f"git -c safe.directory='*' -C {desk.dataset.folder}/g log", tmp_path)


def test_four_writers_and_a_second_mount_do_not_disturb_each_other(desk: Desk) -> None:
    with desk.mounted("--fresh", "1") as mount, desk.mounted("--fresh", "1", home="other") as other:

        def write(number: int) -> None:
            for turn in range(3):
                (mount.point / f"{number}-{turn}").write_bytes(BIG[number * 1000 : number * 1000 + 300_000])
            (mount.point / f"{number}-big").write_bytes(MIDDLE[number:])

        writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for writer in writers:
            writer.start()
        (other.point / "elsewhere").write_bytes(b"here")
        for writer in writers:
            writer.join(LONGEST_S)
        wait_until(lambda: len(names_in(other.point)) == len(names_in(mount.point)) == 17, LONGEST_S)
        assert tree(other.point) == tree(mount.point)
        (mount.point / "0-big").write_bytes(b"short")
        wait_until(lambda: (other.point / "0-big").read_bytes() == b"short", LONGEST_S)
        with (mount.point / "1-big").open("ab") as appended:
            appended.write(b"end")
        wait_until(lambda: (other.point / "1-big").stat().st_size == len(MIDDLE) + 2, LONGEST_S)
        assert (other.point / "1-big").read_bytes() == MIDDLE[1:] + b"end"
        assert desk.there() == tree(mount.point)


def test_what_is_open_can_be_read_renamed_and_removed(desk: Desk) -> None:
    with desk.mounted() as mount:
        file = mount.point / "f"
        with file.open("wb", buffering=0) as writing:
            writing.write(b"first")
            assert file.read_bytes() == b"first"
            assert not (desk.dataset.folder / "f").exists()
            os.fsync(writing.fileno())
            assert (desk.dataset.folder / "f").read_bytes() == b"first"
            file.rename(mount.point / "g")
            writing.write(b" second")
        assert (desk.dataset.folder / "g").read_bytes() == b"first second"
        (mount.point / "l").touch()
        (mount.point / "l").rename(mount.point / "g\n")
        assert names_in(mount.point) == ["g", "g\n"]
        assert (desk.dataset.folder / "g").read_bytes() == b"first second"
        (mount.point / "g\n").unlink()
        with (mount.point / "g").open("r+b", buffering=0) as writing:
            (mount.point / "g").unlink()
            writing.write(b"FIRST")
            writing.seek(0)
            assert writing.read(5) == b"FIRST"
        assert desk.there() == {}
        (mount.point / "d").mkdir()
        with pytest.raises(FileExistsError):
            (mount.point / "d").mkdir()
        (mount.point / "d" / "x").touch()
        with pytest.raises(OSError, match="not empty"):
            (mount.point / "d").rmdir()
        with pytest.raises(PermissionError):
            (mount.point / "l").symlink_to("d")
        with pytest.raises(PermissionError):
            (mount.point / "y").hardlink_to(mount.point / "d" / "x")


def test_a_file_that_is_open_when_the_mount_ends_is_sent_as_it_is_and_named(desk: Desk) -> None:
    with desk.mounted() as mount:
        whole, begun = mount.point / "whole", (mount.point / "begun").open("wb", buffering=0)
        whole.write_bytes(b"all of it")
        begun.write(b"the first half")
        assert mount.end() == 0
        with suppress(OSError):
            begun.close()
        assert "fs2od: begun was still open: " in mount.said_after
        assert "whole" not in mount.said_after
        assert (desk.dataset.folder / "begun").read_bytes() == b"the first half"


def test_nothing_is_written_where_the_token_or_its_owner_only_reads(desk: Desk) -> None:
    guest = desk.world.person("Guest")
    desk.world.join_space(desk.dataset.space, guest, frozenset(SPACE_MEMBER) - {"space_write_data"})
    readonly = desk.world.token(desk.alex, DataReadonly())
    for home, token, more in (("r", readonly, []), ("g", guest.token, []), ("o", desk.alex.token, ["--read-only"])):
        with desk.mounted(*more, home=home, token=token) as mount:
            with pytest.raises(OSError, match="Read-only") as raised:
                (mount.point / "f").touch()
            assert raised.value.errno == errno.EROFS
            assert ("is mounted read-only" in mount.said_before) == (not more)
    assert desk.there() == {}


def test_a_full_space_is_said_when_the_file_is_closed_and_nothing_is_lost(tmp_path: Path) -> None:
    with serve_world(tmp_path / "world") as world:
        desk = Desk(world, tmp_path / "home", size_bytes=10 << 20)
        with desk.mounted() as mount:
            for name, content in (("big", BIG), ("middle", MIDDLE)):
                with pytest.raises(OSError) as raised, (mount.point / name).open("wb") as writing:  # noqa: PT011, PT012 - the code is judged below; which of these calls is refused is the kernel's affair
                    if name == "middle":
                        (mount.point / "first").write_bytes(BIG[: 8 << 20])
                    writing.write(content)
                assert raised.value.errno == errno.ENOSPC, mount.end() and mount.said_after
            (mount.point / "small").write_bytes(b"fits")
            assert names_in(mount.point) == ["first", "small"]
            assert mount.end() == 4
            said = [line for line in mount.said_after.splitlines() if " was not sent: " in line]
            assert [line.split()[1] for line in said] == ["big", "middle"]
        assert set(desk.there()) == {"first", "small"}
        kept = [*desk.spool.glob("*/*-big"), *desk.spool.glob("*/*-middle")]
        assert [path.read_bytes() for path in kept] == [BIG, MIDDLE]
        assert all(str(path) in mount.said_after for path in kept)


def test_a_token_that_is_revoked_in_the_middle_is_said_and_one_that_is_renewed_goes_on(desk: Desk) -> None:
    tokens = desk.world.node.zone.tokens
    first, second = (tokens.issue_named(desk.alex.id, name) for name in ("first", "second"))
    with desk.mounted("--wait-token", "20", token=first.token) as mount:
        (mount.point / "a").write_bytes(b"a")
        tokens.change(first.id, revoked=True)
        threading.Timer(2, lambda: desk.words(second.token)).start()
        (mount.point / "b").write_bytes(b"b")
    with desk.mounted("--wait-token", "0", token=second.token) as mount:
        writing = (mount.point / "c").open("wb")
        writing.write(b"c")
        tokens.change(second.id, revoked=True)
        with pytest.raises(PermissionError):
            writing.close()
        assert mount.end() == 4
    assert set(desk.there()) == {"a", "b"}
    assert second.token.reveal() not in mount.said_after

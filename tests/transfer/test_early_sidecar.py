"""What a complete dataset says of itself is asked for by name, and counts only where the seal fits to it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from fs2od.manifests import MANIFEST, SEAL, SIDECAR, Manifest, dump_seal, parse_part, part_name, seal_of
from fs2od.testing.network import HostileShare, Reply, Request, asked_for, listed, reply_of
from fs2od.testing.sidecars import extend_sidecar
from fs2od.transfer import Download, SharedDataset, parse_link
from fs2od.transfer._sidecar import Sidecar

SEAL_PATH = f"{SIDECAR}/{SEAL}"
PART_PATH = f"{SIDECAR}/{MANIFEST}/{part_name(1)}"
Files = dict[str, bytes]


def written(folder: Path, name: str) -> Files:
    """Return the sidecar of a folder with one file, by paths."""
    folder.mkdir()
    (folder / name).write_bytes(name.encode() * 3)
    extend_sidecar(folder, seal=True)
    return {path: (folder / path).read_bytes() for path in (SEAL_PATH, PART_PATH)}


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return written(tmp_path / "one", "a")


@pytest.fixture
def share(files: Files, tmp_path: Path) -> Iterator[HostileShare]:
    mtime = int((tmp_path / "one" / "a").stat().st_mtime)
    seal, part = files[SEAL_PATH], files[PART_PATH]
    items = [listed("a", 3, mtime=mtime), listed(SIDECAR, kind="DIR")]
    with HostileShare(items, {"a": b"aaa", SEAL: seal, part_name(1): part}) as running:
        where = {"version": 1, "data": f"{running.url}/share/{{id}}", "bulk_paths": 1000}
        running.answers = {
            "/.well-known/fs2od.json": lambda _: reply_of(where),
            f"children of id-{SIDECAR}": in_folder(listed(MANIFEST, kind="DIR"), listed(SEAL, len(seal))),
            f"children of id-{MANIFEST}": in_folder(listed(part_name(1), len(part))),
        }
        yield running


def in_folder(*items: Mapping[str, object]) -> Callable[[Request], Reply]:
    return lambda _: reply_of({"children": list(items), "isLast": True, "nextPageToken": None})


def tar_of(files: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, data in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def gives(share: HostileShare, files: Mapping[str, bytes]) -> None:
    """Let the share give these files in bulk, as a node does: what it has not is left out."""

    def given(request: Request) -> Reply:
        return reply_of(tar_of({path: files[path] for path in asked_for(request)["paths"] if path in files}))

    answers(share, given)


def answers(share: HostileShare, answer: Callable[[Request], Reply]) -> None:
    share.answers[f"/share/{share.link.rpartition('/')[2]}/bulk"] = answer


def sidecar_of(share: HostileShare) -> Sidecar:
    """Return the sidecar as a download reads it."""
    sidecar = Sidecar()
    with SharedDataset(parse_link(share.link)) as dataset:
        entrance = dataset.entrance()
        sidecar.look(dataset, entrance.root, most=1000, listing=entrance.listing, early=entrance.early)
        sidecar.read(dataset)
    return sidecar


def asked_by_id(share: HostileShare) -> list[str]:
    """Return what was asked about the sidecar by ids, in its order."""
    ids = (SIDECAR, MANIFEST, SEAL, part_name(1))
    paths = [request.path for request in share.asked if request.path.startswith("/api/")]
    return [name for path in paths for name in ids if f"/id-{name}/" in path]


def test_the_way_to_a_manifest_that_is_whole_is_not_listed(share: HostileShare, files: Files) -> None:
    gives(share, files)
    sidecar = sidecar_of(share)
    assert (sidecar.sealed, sidecar.may_grow, sidecar.trouble, [*sidecar.manifest]) == (True, False, None, ["a"])
    assert asked_by_id(share) == []


def test_the_download_brings_and_checks_all_the_same(share: HostileShare, files: Files, tmp_path: Path) -> None:
    gives(share, {**files, "a": b"aaa"})
    report = Download(parse_link(share.link), tmp_path / "out").run()
    assert (report.exit_code, report.sealed, report.files_intact) == (0, True, 1), report.summary()
    assert (tmp_path / "out" / SIDECAR / SEAL).read_bytes() == files[SEAL_PATH]


def test_a_part_that_came_early_is_not_asked_for_again_while_the_dataset_grows(
    share: HostileShare, files: Files
) -> None:
    gives(share, {PART_PATH: files[PART_PATH]})
    del share.contents[SEAL]
    share.answers[f"children of id-{SIDECAR}"] = in_folder(listed(MANIFEST, kind="DIR"))
    sidecar = sidecar_of(share)
    assert (sidecar.sealed, sidecar.may_grow, sidecar.trouble, [*sidecar.manifest]) == (False, True, None, ["a"])
    assert asked_by_id(share) == [SIDECAR, MANIFEST]


def of_many_parts(files: Files) -> bytes:
    return dump_seal(seal_of(Manifest([parse_part(files[PART_PATH])]))._replace(parts=1000))


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda files, _: {**files, PART_PATH: files[PART_PATH][:-9]},
        lambda files, other: {**files, PART_PATH: other[PART_PATH]},
        lambda files, other: {**files, SEAL_PATH: other[SEAL_PATH]},
        lambda files, _: {**files, SEAL_PATH: b"{}\n"},
        lambda files, _: {**files, SEAL_PATH: of_many_parts(files)},
        lambda files, _: {SEAL_PATH: files[SEAL_PATH]},
        lambda files, _: {PART_PATH: files[PART_PATH]},
        lambda _, __: {},
    ],
    ids=["cut part", "another part", "another seal", "no seal", "many parts", "seal alone", "part alone", "nothing"],
)
def test_what_comes_early_and_does_not_fit_is_read_anew(
    share: HostileShare, files: Files, tmp_path: Path, spoiled: Callable[[Files, Files], Files]
) -> None:
    gives(share, spoiled(files, written(tmp_path / "two", "b")))
    sidecar = sidecar_of(share)
    assert (sidecar.sealed, sidecar.may_grow, sidecar.trouble, [*sidecar.manifest]) == (True, False, None, ["a"])


def endless(path: str) -> bytes:
    member = tarfile.TarInfo(path)
    member.size = 1 << 40
    return member.tobuf()


@pytest.mark.parametrize(
    "answer",
    [
        reply_of(b"", status=500),
        reply_of(b"x" * 2048),
        reply_of(b""),
        reply_of(endless(SEAL_PATH)),
        reply_of(endless(PART_PATH)),
        reply_of(endless("x")),
    ],
    ids=["500", "no TAR", "cut", "endless seal", "endless part", "endless other"],
)
def test_a_bulk_that_does_not_work_is_done_without(share: HostileShare, answer: Reply) -> None:
    answers(share, lambda _: answer)
    sidecar = sidecar_of(share)
    assert (sidecar.sealed, sidecar.trouble, [*sidecar.manifest]) == (True, None, ["a"])

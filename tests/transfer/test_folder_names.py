"""One dataset goes into one folder, whichever way somebody fetches it."""

import io
import os
import ssl
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from fs2od.portal._datasets import Datasets
from fs2od.testing.downloading import single_file
from fs2od.testing.world import ServedWorld
from fs2od.transfer import Options, folder_name, parse_link


@pytest.mark.parametrize(
    ("name", "path", "folder"),
    [
        ("mix2-ys7ikyyh", "", "mix2-ys7ikyyh"),
        ("70S ribosome (grid 2)", "", "70S-ribosome-grid-2"),
        ("Atlas of grid 2", "Grids", "Atlas-of-grid-2"),
        ("試料", "", None),
    ],
)
def test_page_command_and_archives_call_it_the_same(
    world: ServedWorld, name: str, path: str, folder: str | None
) -> None:
    owner = world.administrator
    share = world.share(owner, world.dataset(owner, {"Grids/a.mrc": b"a"}), path, name=name)
    settings, options = world.node.settings, Options(ca_file=str(world.ca))
    called = folder_name(parse_link(f"{settings.zone_url}/share/{share}"), options)
    assert called == (folder or share)
    assert Datasets(world.node.provider).get(share, owner.caller).folder == called
    with httpx.Client(verify=ssl.create_default_context(cafile=world.ca), trust_env=False) as client:
        tar, zip_ = (client.get(f"{settings.provider_url}/share/{share}/archive.{kind}") for kind in ("tar", "zip"))
    assert [
        answer.headers["content-disposition"].partition("filename=")[2].partition(";")[0] for answer in (tar, zip_)
    ] == [
        f'"{called}.tar"',
        f'"{called}.zip"',
    ]
    with tarfile.open(fileobj=io.BytesIO(tar.content)) as opened:
        assert {name.partition("/")[0] for name in opened.getnames()} == {called}
    with zipfile.ZipFile(io.BytesIO(zip_.content)) as unpacked:
        assert {name.partition("/")[0] for name in unpacked.namelist()} == {called}


def test_a_folder_that_an_earlier_release_began_is_gone_on_with(
    world: ServedWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = world.share(world.administrator, world.dataset(world.administrator, {"a": b"a"}), name="Grid (2) of ü")
    place, options = parse_link(f"{world.node.settings.zone_url}/share/{share}"), Options(ca_file=str(world.ca))
    monkeypatch.chdir(tmp_path)
    assert folder_name(place, options) == "Grid-2-of-u"
    Path("Grid (2) of ü").mkdir()
    assert folder_name(place, options) == "Grid (2) of ü"


def keeps_notes(folder: Path) -> bool:
    """Say whether the file system has extended attributes for users; not every one in memory does."""
    try:
        os.setxattr(folder, "user.fs2od.test", b"1")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("front", ["fs2od", "get.py"])
def test_a_folder_that_nobody_named_is_for_one_link(world: ServedWorld, tmp_path: Path, front: str) -> None:
    owner, url = world.administrator, world.node.settings.zone_url
    links = [
        f"{url}/share/{world.share(owner, world.dataset(owner, files), name='run1')}"
        for files in ({"out.mrc": b"AAAA", "mine": b"1"}, {"out.mrc": b"BBBBBB"})
    ]
    words = (sys.executable, "-m", "fs2od", "download") if front == "fs2od" else single_file(tmp_path)

    def brought(*more: str) -> subprocess.CompletedProcess[str]:
        whole = [*words, *more, "--ca", str(world.ca)]
        return subprocess.run(whole, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    for _ in range(2):
        assert brought(links[0]).returncode == 0
    other = brought(links[1])
    if keeps_notes(tmp_path):
        assert other.returncode == 7, other.stderr
        assert "the folder run1 here is of another link that is called the same: name one for this" in other.stderr
        assert (tmp_path / "run1" / "out.mrc").read_bytes() == b"AAAA"
        assert brought(links[1], "run1-2").returncode == 0
        assert (tmp_path / "run1-2" / "out.mrc").read_bytes() == b"BBBBBB"
    # Who names it means it, and a folder that was here before is nobody's.
    assert brought(links[1], "run1").returncode == 0
    assert (tmp_path / "run1" / "out.mrc").read_bytes() == b"BBBBBB"
    (tmp_path / "run1").rename(tmp_path / "former")
    (tmp_path / "run1").mkdir()
    assert [brought(link).returncode for link in links] == [0, 0]

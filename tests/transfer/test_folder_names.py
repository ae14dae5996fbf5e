"""One dataset goes into one folder, whichever way somebody fetches it."""

import io
import ssl
import tarfile
import zipfile
from pathlib import Path

import httpx
import pytest

from fs2od.portal._datasets import Datasets
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

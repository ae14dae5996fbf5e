"""The fsspec file system over a real node, used by the libraries that people read data with."""

from __future__ import annotations

import io
import os
import pickle
import re
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import fsspec
import mrcfile
import numpy as np
import pandas as pd
import pytest
import trustme
import zarr
from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.registry import get_filesystem_class
from mrcfile.mrcinterpreter import MrcInterpreter

from fs2od.errors import ConfigurationError
from fs2od.filesystem import Fs2odFileSystem
from fs2od.node.zone.link_rules import Rule
from fs2od.testing.network import HostileShare, Reply, Request, Tunnels, listed, reply_of
from fs2od.testing.world import Dataset, ServedWorld, serve_world
from fs2od.transfer import FileChanged, Forbidden, InvalidLink

PIXELS = np.arange(64 * 48, dtype=np.float32).reshape(48, 64)
FRAMES = np.arange(5 * 48 * 64, dtype=np.int16).reshape(5, 48, 64)
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "download-from-python.md"
TABLE = "micrograph,defocus\nmovie_1,1.25\nmovie_2,1.5\n"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[ServedWorld, str]]:
    folder = tmp_path_factory.mktemp("dataset")
    with mrcfile.new(folder / "movie.mrc") as movie:
        movie.set_data(PIXELS)
        movie.voxel_size = 0.83
    with mrcfile.new(folder / "frames.mrc") as frames:
        frames.set_data(FRAMES)
        frames.set_extended_header(np.zeros(3, "V16"))
    store = zarr.open_group(str(folder / "stack.zarr"), mode="w", zarr_format=2)
    store.create_array("pixels", data=PIXELS, chunks=(16, 16))
    files = {
        "movie.mrc": (folder / "movie.mrc").read_bytes(),
        "movies/frames.mrc": (folder / "frames.mrc").read_bytes(),
        "tables/ctf.csv": TABLE.encode(),
        "tables/n a#m?e%41.txt": b"hostile",
        "large.bin": bytes(range(256)) * 12_000,
        **{
            f"stack.zarr/{path.relative_to(folder / 'stack.zarr')}": path.read_bytes()
            for path in (folder / "stack.zarr").rglob("*")
            if path.is_file()
        },
    }
    with serve_world(tmp_path_factory.mktemp("world")) as world:
        dataset = world.dataset(world.administrator, files)
        yield world, world.share(world.administrator, dataset)
        for kept in Fs2odFileSystem._cache.values():
            kept.close()
        Fs2odFileSystem.clear_instance_cache()


@pytest.fixture
def link(shared: tuple[ServedWorld, str]) -> str:
    world, share = shared
    return f"fs2od://{world.node.settings.zone_domain}/share/{share}"


@pytest.fixture
def options(shared: tuple[ServedWorld, str]) -> dict[str, Any]:
    return {"ca_file": str(shared[0].ca)}


def test_fsspec_knows_it_by_name() -> None:
    assert get_filesystem_class("fs2od") is Fs2odFileSystem


def test_a_file_is_read_by_its_address(link: str, options: dict[str, Any]) -> None:
    with fsspec.open(f"{link}/tables/ctf.csv", "rt", **options) as table:
        assert table.read() == TABLE


def test_only_what_is_asked_for_is_brought(link: str, options: dict[str, Any]) -> None:
    with fsspec.open(f"{link}/large.bin", block_size=4096, **options) as large:
        large.seek(1_000_003)
        assert large.read(5) == bytes((1_000_003 + i) % 256 for i in range(5))
        assert large.cache.size == 3_072_000
        assert len(large.cache.cache) < 64_000


def test_folders_are_listed_and_walked(link: str, options: dict[str, Any]) -> None:
    files, root = url_to_fs(link, **options)
    assert sorted(files.ls(root, detail=False)) == ["large.bin", "movie.mrc", "movies", "stack.zarr", "tables"]
    assert files.find("tables") == ["tables/ctf.csv", "tables/n a#m?e%41.txt"]
    assert files.isdir("tables")
    assert files.info("large.bin") | {"mtime": 0} == {
        "name": "large.bin",
        "size": 3_072_000,
        "type": "file",
        "mtime": 0,
    }
    assert files.du("tables") == len(TABLE) + len("hostile")
    assert files.cat("tables/n a#m?e%41.txt") == b"hostile"
    assert files.cat_file("tables/ctf.csv", -9, -1) == TABLE.encode()[-9:-1]
    assert files.unstrip_protocol("tables/ctf.csv") == f"{link}/tables/ctf.csv"
    assert files.modified("movie.mrc").tzinfo is not None


def test_what_is_not_there_is_said_as_python_says_it(link: str, options: dict[str, Any]) -> None:
    files, _ = url_to_fs(link, **options)
    with pytest.raises(FileNotFoundError):
        files.info("nothing/here")
    with pytest.raises(FileNotFoundError):
        files.open("absent")
    with pytest.raises(IsADirectoryError):
        files.open("tables")
    with pytest.raises(NotImplementedError, match="read only"):
        files.open("movie.mrc", "wb")
    assert not files.exists("nothing")


@pytest.mark.parametrize("address", ["fs2od://", "fs2od:///share/1", "fs2od://zone.test/nothing/x"])
def test_an_address_that_means_nothing_is_refused(address: str) -> None:
    with pytest.raises(InvalidLink):
        url_to_fs(address)


def test_pandas_reads_a_table(link: str, options: dict[str, Any]) -> None:
    table = pd.read_csv(f"{link}/tables/ctf.csv", storage_options=options)
    assert list(table["defocus"]) == [1.25, 1.5]


def test_mrcfile_reads_a_movie(link: str, options: dict[str, Any]) -> None:
    path = fsspec.open_local(f"simplecache::{link}/movie.mrc", fs2od=options)
    with mrcfile.open(path) as found:
        assert np.array_equal(found.data, PIXELS)
        assert round(float(found.voxel_size.x), 2) == 0.83


def test_mrcfile_reads_a_movie_without_a_disk(link: str, options: dict[str, Any]) -> None:
    with fsspec.open(f"{link}/movie.mrc", **options) as movie:
        found = MrcInterpreter(iostream=io.BytesIO(movie.read()))
    assert np.array_equal(found.data, PIXELS)
    found.close()


def test_a_header_costs_a_header(link: str, options: dict[str, Any]) -> None:
    with fsspec.open(f"{link}/movie.mrc", block_size=1024, **options) as movie:
        columns, rows = struct.unpack("<2i", movie.read(8))
    assert (columns, rows) == (64, 48)


class Counting:
    """A file system that counts the bytes that are asked for."""

    def __init__(self, files: AbstractFileSystem) -> None:
        self.files, self.count = files, 0

    def cat_file(self, path: str, start: int, end: int) -> bytes:
        found: bytes = self.files.cat_file(path, start, end)
        self.count += len(found)
        return found


def test_the_array_for_napari_in_the_how_to_brings_only_frames_that_are_looked_at(
    link: str, options: dict[str, Any]
) -> None:
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "class Frames" in block
    ]
    names: dict[str, Any] = {}
    exec(code, names)
    files, frame_bytes = Counting(url_to_fs(link, **options)[0]), FRAMES[0].nbytes
    frames = names["Frames"](files, "movies/frames.mrc")
    assert (frames.shape, frames.dtype, frames.ndim) == (FRAMES.shape, FRAMES.dtype, 3)
    assert files.count == 1024
    assert np.array_equal(frames[3], FRAMES[3])
    assert files.count == 1024 + frame_bytes
    assert np.array_equal(frames[-1, 10:20, ::2], FRAMES[-1, 10:20, ::2])
    assert np.array_equal(frames[1:3, :, 5], FRAMES[1:3, :, 5])
    assert files.count == 1024 + 4 * frame_bytes
    with pytest.raises(IndexError):
        frames[5]


@pytest.mark.filterwarnings("ignore::zarr.errors.ZarrUserWarning")
def test_zarr_reads_an_array_in_place(link: str, options: dict[str, Any]) -> None:
    group = zarr.open_group(f"{link}/stack.zarr", mode="r", storage_options=options)
    found = group["pixels"]
    assert isinstance(found, zarr.Array)
    assert np.array_equal(np.asarray(found[16:32, :]), PIXELS[16:32])


def test_everything_can_be_copied_to_a_disk(link: str, options: dict[str, Any], tmp_path: Path) -> None:
    files, _ = url_to_fs(link, **options)
    files.get("tables", str(tmp_path / "copy"), recursive=True)
    assert (tmp_path / "copy" / "ctf.csv").read_text() == TABLE
    sink = io.BytesIO()
    files.get_file("movie.mrc", sink)
    assert len(sink.getvalue()) == files.size("movie.mrc")


# --- links, what is withheld, and files that go to other processes ---

LINKS = {
    "link_in": "a/b.mrc",
    "to_folder": "a",
    "a/up": "..",
    "a/odd": "../to_folder/../other.txt",
    "dangling": "nothing",
    "loop": "loop",
    "out": "/etc/hostname",
}


@pytest.fixture
def linked(growing: tuple[ServedWorld, Dataset, Fs2odFileSystem]) -> Fs2odFileSystem:
    world, dataset, files = growing
    for name, target in LINKS.items():
        (dataset.folder / name).symlink_to(target)
    (dataset.folder / "SPA.yml").write_text("User: Alex")
    (dataset.folder / "secret.mrc").symlink_to("SPA.yml")
    world.rescan(dataset.space)
    world.node.provider.files.set_mode(world.administrator.caller, world.id_of(dataset, "SPA.yml"), 0o640)
    return files


def test_links_are_followed_wherever_they_lie(linked: Fs2odFileSystem) -> None:
    for path in ("link_in", "to_folder/b.mrc", "a/up/link_in", "to_folder/up/a/b.mrc"):
        assert linked.cat(path) == OLD
        assert linked.isfile(path)
        assert linked.size(path) == len(OLD)
    with linked.open("link_in") as opened:
        assert opened.read(9) == OLD[:9]
    assert linked.cat("a/odd") == b"1"
    assert linked.info("link_in") | {"mtime": 0} == {
        "name": "link_in",
        "size": len(OLD),
        "type": "file",
        "mtime": 0,
        "islink": True,
        "destination": "a/b.mrc",
    }
    assert "islink" not in linked.info("to_folder/b.mrc")
    assert linked.isdir("to_folder")
    assert linked.ls("to_folder", detail=False) == ["to_folder/b.mrc", "to_folder/odd"]
    with pytest.raises(IsADirectoryError):
        linked.cat_file("to_folder")


def test_behind_a_link_a_file_that_was_replaced_is_looked_at_anew(
    linked: Fs2odFileSystem, growing: tuple[ServedWorld, Dataset, Fs2odFileSystem]
) -> None:
    world, dataset, _ = growing
    assert linked.cat("link_in") == OLD
    replace_file(world, dataset, NEW + b"more")
    with pytest.raises(FileChanged):
        linked.cat_file("link_in")
    assert linked.cat_file("link_in") == NEW + b"more"


@pytest.mark.parametrize("path", ["dangling", "loop", "out", "dangling/x", "loop/x", "link_in/x", "..", "a/../../x"])
def test_what_leads_nowhere_is_not_found(linked: Fs2odFileSystem, path: str) -> None:
    for act in (linked.cat_file, linked.info, linked.open, linked.ls):
        with pytest.raises(FileNotFoundError):
            act(path)
    assert not linked.exists(path)


def test_a_dataset_is_copied_without_what_a_link_does_not_give(linked: Fs2odFileSystem, tmp_path: Path) -> None:
    listed = ["a/b.mrc", "a/odd", "link_in", "other.txt"]
    assert linked.find("") == listed
    linked.get("", str(tmp_path / "copy"), recursive=True)
    files = [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    assert sorted(str(path.relative_to(tmp_path / "copy")) for path in files) == listed
    for path in ("SPA.yml", "secret.mrc"):
        with pytest.raises(Forbidden):
            linked.cat_file(path)


def test_an_open_file_can_be_pickled_and_is_the_same_or_says_that_it_is_not(
    growing: tuple[ServedWorld, Dataset, Fs2odFileSystem],
) -> None:
    world, dataset, files = growing
    with files.open("a/b.mrc", block_size=1000, cache_type="readahead") as opened:
        opened.seek(500)
        kept = pickle.dumps(opened)
    with pickle.loads(kept) as again:
        assert (again.tell(), again.blocksize, again.cache.name) == (500, 1000, "readahead")
        assert again.read(9) == OLD[500:509]
        elsewhere = again.fs
    replace_file(world, dataset, NEW)
    files.invalidate_cache()
    with pytest.raises(FileChanged, match="pickled"):
        pickle.loads(kept)
    with files.open("a/b.mrc") as opened:
        newer = pickle.dumps(opened)
    replace_file(world, dataset, OLD + b"more")
    with pytest.raises(FileChanged):
        pickle.loads(newer)
    elsewhere.close()


# --- files that are replaced ---

OLD, NEW = bytes(range(256)) * 4_000, bytes(reversed(range(256))) * 4_000


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[tuple[ServedWorld, Dataset, Fs2odFileSystem]]:
    with serve_world(tmp_path / "world") as world:
        dataset = world.dataset(world.administrator, {"a/b.mrc": OLD, "other.txt": b"1"})
        link = f"{world.node.settings.zone_url}/share/{world.share(world.administrator, dataset)}"
        files = Fs2odFileSystem(link, ca_file=str(world.ca), skip_instance_cache=True)
        yield world, dataset, files
        files.close()


def replace_file(world: ServedWorld, dataset: Dataset, data: bytes) -> None:
    """Put another file in the place of one, as programs do: by a rename."""
    new = dataset.folder / "a" / "new"
    new.write_bytes(data)
    os.utime(new, (2_000_000_000, 2_000_000_000))
    new.replace(dataset.folder / "a" / "b.mrc")
    world.rescan(dataset.space)


def test_an_open_file_never_mixes_two_states(growing: tuple[ServedWorld, Dataset, Fs2odFileSystem]) -> None:
    world, dataset, files = growing
    with files.open("a/b.mrc", block_size=1000) as opened:
        assert opened.read(500) == OLD[:500]
        replace_file(world, dataset, NEW)
        opened.seek(500_000)
        with pytest.raises(
            FileChanged, match=r"b\.mrc is another file now than the one that was opened: open it again"
        ):
            opened.read(500)
    with files.open("a/b.mrc", block_size=1000) as again:
        again.seek(500_000)
        assert again.read(500) == NEW[500_000:500_500]


def test_after_another_size_the_file_is_looked_at_anew(
    growing: tuple[ServedWorld, Dataset, Fs2odFileSystem],
) -> None:
    world, dataset, files = growing
    assert files.info("a/b.mrc")["size"] == len(OLD)
    replace_file(world, dataset, NEW + b"more")
    files.invalidate_cache("other.txt")
    assert files.info("a/b.mrc")["size"] == len(OLD)
    with pytest.raises(FileChanged):
        files.cat_file("a/b.mrc", 0, 10)
    assert files.info("a/b.mrc")["size"] == len(NEW) + 4
    assert files.cat_file("a/b.mrc", -6) == NEW[-2:] + b"more"


@pytest.mark.parametrize("path", [None, "", "a", "a/b.mrc", "/a/"])
def test_invalidate_cache_looks_anew_at_a_path_and_at_all_below(
    growing: tuple[ServedWorld, Dataset, Fs2odFileSystem], path: str | None
) -> None:
    world, dataset, files = growing
    assert files.info("a/b.mrc")["size"] == len(OLD)
    replace_file(world, dataset, b"short")
    files.invalidate_cache(path)
    assert files.info("a/b.mrc")["size"] == 5
    assert files.cat_file("a/b.mrc") == b"short"


def test_where_there_are_no_entity_tags_size_and_time_tell_two_states_apart() -> None:
    with HostileShare([listed("b.mrc", len(OLD))], {"b.mrc": OLD}) as share:
        files = Fs2odFileSystem(share.link, skip_instance_cache=True)
        with files.open("b.mrc", block_size=1000) as opened:
            assert opened.read(500) == OLD[:500]
            opened.seek(300_000)
            assert opened.read(500) == OLD[300_000:300_500]
            share.contents["b.mrc"], share.items[0] = NEW, listed("b.mrc", len(NEW), mtime=1001)
            opened.seek(600_000)
            with pytest.raises(FileChanged):
                opened.read(500)
        files.close()


def test_an_answer_that_breaks_off_is_not_mended_with_another_state() -> None:
    def content(request: Request) -> Reply:
        first, last = request.range or (0, None)
        part, tag = (OLD, '"1"') if first == 0 else (NEW, '"2"')
        part = part[first : (last or 0) + 1]
        said = {"Content-Range": f"bytes {first}-{first + len(part) - 1}/{len(OLD)}", "ETag": tag}
        whole = reply_of(part, status=206, headers=said)
        return whole if first else replace(whole, body=(part[:1000],)).saying(connection="close")

    with HostileShare([listed("b.mrc", len(OLD))], {"b.mrc": OLD}) as share:
        share.answers["content of id-b.mrc"] = content
        files = Fs2odFileSystem(share.link, skip_instance_cache=True)
        with pytest.raises(FileChanged):
            files.cat_file("b.mrc", 0, 5000)
        files.close()


# --- who reads, and by which way ---


def test_a_link_for_members_is_read_with_a_token(
    growing: tuple[ServedWorld, Dataset, Fs2odFileSystem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, dataset, _ = growing
    share = world.share(world.administrator, dataset)
    world.node.zone.link_rules.set_for_share(world.administrator.caller, share, Rule("members"), label="")
    address = f"fs2od://{world.node.settings.zone_domain}/share/{share}/other.txt"
    options = {"ca_file": str(world.ca), "skip_instance_cache": True}
    monkeypatch.delenv("FS2OD_TOKEN", raising=False)
    monkeypatch.delenv("ONECLIENT_ACCESS_TOKEN", raising=False)
    with pytest.raises(Forbidden, match="not for everybody"):
        fsspec.open(address, **options).open()
    (tmp_path / "token").write_text(world.administrator.token.reveal() + "\n")
    with fsspec.open(address, token_file=str(tmp_path / "token"), **options) as opened:
        assert opened.read() == b"1"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        fsspec.open(address, token_file=str(tmp_path / "absent"), **options)
    monkeypatch.setenv("ONECLIENT_ACCESS_TOKEN", world.administrator.token.reveal())
    with fsspec.open(address, **options) as opened:
        assert opened.read() == b"1"


def test_a_link_for_members_is_read_with_the_token_that_a_sign_in_has_left(
    growing: tuple[ServedWorld, Dataset, Fs2odFileSystem], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, dataset, _ = growing
    share = world.share(world.administrator, dataset)
    world.node.zone.link_rules.set_for_share(world.administrator.caller, share, Rule("members"), label="")
    link = f"{world.node.settings.zone_url}/share/{share}"
    monkeypatch.delenv("FS2OD_TOKEN", raising=False)
    monkeypatch.delenv("ONECLIENT_ACCESS_TOKEN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "token").write_text(world.administrator.token.reveal() + "\n")
    words = ["login", "--zone", world.node.settings.zone_url, "--token-file", str(tmp_path / "token"), "--no-keyring"]
    subprocess.run([sys.executable, "-m", "fs2od", *words], check=True, timeout=60)
    files = Fs2odFileSystem(link, ca_file=str(world.ca), skip_instance_cache=True)
    assert files.cat_file("other.txt") == b"1"
    files.close()
    [kept] = (tmp_path / "config" / "fs2od").glob("*.token")
    kept.chmod(0o644)
    with pytest.raises(ConfigurationError, match="fs2od login"):
        Fs2odFileSystem(link, ca_file=str(world.ca), skip_instance_cache=True)


def test_the_proxy_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, ca = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("zone.test").configure_cert(context)
    with HostileShare([listed("b.mrc", len(OLD))], {"b.mrc": OLD}, context=context) as share:
        port = int(share.url.rpartition(":")[2])
        with Tunnels({"zone.test:443": port}) as tunnels:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{tunnels.port}")
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            share_id = share.link.rpartition("/")[2]
            files = Fs2odFileSystem(f"https://zone.test/share/{share_id}", ca_file=str(ca), skip_instance_cache=True)
            assert files.cat_file("b.mrc", 0, 4) == OLD[:4]
            files.close()
    assert set(tunnels.asked) == {"zone.test:443"}

"""A bucket as a storage, on a real server: the contract, and what only S3 has."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import requests
from tests.node.replication.buckets import Meanwhile

from fs2od.errors import IntegrityFailure, StorageBusy, StorageError, StorageFull, StorageMissing, StorageRefused
from fs2od.storage import Storage, md5_of_parts
from fs2od.storage.s3 import S3Settings, S3Storage
from fs2od.testing.network import Cut, Delay, Proxy, Refuse, Relabel, Request
from fs2od.testing.radosgw import Radosgw
from fs2od.testing.storage_contract import StorageContract


@pytest.fixture
def s3(bucket: S3Settings) -> Iterator[S3Storage]:
    """A storage below a prefix that nobody else uses."""
    storage = S3Storage(replace(bucket, prefix=f"some/{secrets.token_hex(8)}"))
    yield storage
    storage.close()


class TestS3Storage(StorageContract):
    many: ClassVar[int] = 40

    @pytest.fixture
    def storage(self, s3: S3Storage) -> Storage:
        return s3

    @pytest.fixture
    def part_bytes(self) -> int:
        return 5 << 20

    @pytest.fixture
    def refreshed(self, source: Path, s3: S3Storage) -> Callable[[], None]:
        def put_all() -> None:
            for file in source.rglob("*"):
                if file.is_file():
                    s3.write(str(file.relative_to(source)), [file.read_bytes()])
                elif not any(file.iterdir()):
                    s3.make_directory(str(file.relative_to(source)))

        return put_all


@pytest.fixture
def proxied(radosgw: Radosgw) -> Iterator[Proxy]:
    """The way to the server, which fails as a test says."""
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as proxy:
        yield proxy


def through(proxy: Proxy, settings: S3Settings, **changes: object) -> S3Storage:
    (port,) = proxy.ports
    told = replace(settings, endpoint=f"http://127.0.0.1:{port}", attempts=1, prefix=secrets.token_hex(8))
    return S3Storage(replace(told, **changes))  # type: ignore[arg-type]  # each case gives what it changes


def md5(content: bytes) -> bytes:
    return hashlib.md5(content).digest()


def test_files_are_plain_objects_under_readable_keys(s3: S3Storage) -> None:
    s3.write("movies/grid 1/one.mrc", [b"x"])
    keys = s3._client.list_objects_v2(Bucket=s3.settings.bucket, Prefix=s3.settings.prefix)["Contents"]
    assert [found["Key"] for found in keys] == [f"{s3.settings.prefix}/movies/grid 1/one.mrc"]


def test_the_stores_md5_is_that_of_the_content_or_of_its_parts(s3: S3Storage) -> None:
    assert s3.write("small", [b"content"]).md5 == md5_of_parts([md5(b"content")], uploaded=False)
    size = 5 << 20
    upload = s3.begin_upload("large", size_bytes=size + 3, part_bytes=size)
    s3.put_part(upload, 1, b"end")
    s3.put_part(upload, 0, b"x" * size)
    expected = md5_of_parts([md5(b"x" * size), md5(b"end")], uploaded=True)
    assert s3.complete_upload(upload).md5 == expected
    assert {seen.name: seen.md5 for seen in s3.list("")} == {"small": md5(b"content").hex(), "large": expected}


def test_a_large_file_of_unknown_size_arrives_in_parts(s3: S3Storage) -> None:
    chunk = secrets.token_bytes(1 << 20)
    seen = s3.write("file", (chunk for _ in range(17)))
    assert (seen.size_bytes, (seen.md5 or "")[-2:]) == (17 << 20, "-3")
    with s3.open("file") as file:
        assert file.read() == chunk * 17
        file.seek((16 << 20) + 5)
        assert file.read(10) == chunk[5:15]
    with pytest.raises(FileExistsError):
        s3.write("file", (chunk for _ in range(9)), replace=False)
    assert s3.sweep(before_ns=2**62) == 0


@pytest.mark.parametrize("size", [5, 9 << 20])
def test_where_the_store_tells_no_md5_what_was_written_is_read_back(
    size: int, bucket: S3Settings, proxied: Proxy
) -> None:
    through_proxy, content = through(proxied, bucket), secrets.token_bytes(size)

    def looks(request: Request) -> bool:
        return request.method == "HEAD"

    proxied.strike(Relabel({"ETag": '"encrypted"'}), when=looks)
    assert through_proxy.write("file", [content], check=True).size_bytes == size
    assert sum(exchange.request.method == "GET" for exchange in proxied.exchanges) > 0
    beside = S3Storage(replace(bucket, prefix=through_proxy.settings.prefix))

    def spoil() -> None:
        beside.write("file", [content[:-1] + bytes([content[-1] ^ 1])])

    proxied.strike(Meanwhile(spoil), when=looks)
    with pytest.raises(IntegrityFailure, match="other bytes"):
        through_proxy.write("file", [content], check=True)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fs2od.storage.s3._copying._PART_BYTES", 5 << 20)


def copies(request: Request) -> bool:
    return "x-amz-copy-source" in request.headers


@pytest.mark.usefixtures("small_parts")
def test_a_store_that_takes_long_to_copy_is_given_the_time(bucket: S3Settings, proxied: Proxy) -> None:
    storage, content = through(proxied, bucket), secrets.token_bytes(17 << 20)
    storage.write("large", [content])
    storage.write("small", [b"small"])
    proxied.strike(Delay(2.5), when=copies, times=5)
    hasty = through(proxied, bucket, prefix=storage.settings.prefix, read_timeout_s=1.0)
    hasty.rename("large", "moved/large")
    hasty.rename("small", "moved/small")
    assert sum(copies(exchange.request) for exchange in proxied.exchanges) == 5
    with storage.open("moved/large") as file:
        assert file.read(-1) == content
    assert [seen.name for seen in storage.list("")] == ["moved"]


@pytest.mark.usefixtures("small_parts")
def test_a_copy_that_fails_leaves_the_object_where_it_was(bucket: S3Settings, proxied: Proxy) -> None:
    storage = through(proxied, bucket)
    storage.write("large", [bytes(17 << 20)])
    proxied.strike(Refuse(503), when=lambda request: copies(request) and "partNumber=3" in request.target)
    with pytest.raises(StorageBusy):
        storage.rename("large", "moved")
    assert [(seen.name, seen.size_bytes) for seen in storage.list("")] == [("large", 17 << 20)]
    assert storage.sweep(before_ns=2**62) == 0


def test_an_object_replaced_while_it_is_read_gives_an_error_and_no_mixture(s3: S3Storage) -> None:
    s3.write("file", [b"a" * 1_000_000])
    with s3.open("file") as file:
        assert file.read(10) == b"a" * 10
        s3.write("file", [b"b" * 1_000_000])
        with pytest.raises(StorageError, match="changed while it was read"):
            file.read()


def test_what_other_programs_put_there_is_listed_and_refused(s3: S3Storage) -> None:
    prefix = s3.settings.prefix
    for key in ("//x", "/./x", "/../x", "/dir/", "/fine"):
        s3._client.put_object(Bucket=s3.settings.bucket, Key=prefix + key, Body=b"x")
    assert {seen.name: seen.refused is None for seen in s3.list("")} == {
        "''": False, "'.'": False, "'..'": False, "dir": True, "fine": True,
    }  # fmt: skip
    assert list(s3.list("dir")) == []


def test_a_name_too_long_for_a_key_is_refused_when_written(s3: S3Storage) -> None:
    with pytest.raises(StorageError, match="too long"):
        s3.write("/".join(["n" * 250] * 5), [b"x"])


@pytest.mark.parametrize("count", [999, 1000, 1001, 2000])
def test_listings_are_whole_at_the_edges_of_pages(count: int, s3: S3Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    # Pages of 10 instead of 1000, so that few objects do.
    real = s3._pages
    monkeypatch.setattr(s3, "_pages", lambda path, **told: real(path, MaxKeys=10, **told))
    for number in range(count // 100 + count % 10):
        s3.write(f"{number:04}", [b"x"])
    names = [seen.name for seen in s3.list("")]
    assert names == [f"{number:04}" for number in range(count // 100 + count % 10)]


def test_a_presigned_range_is_read_without_credentials_and_nothing_else(s3: S3Storage) -> None:
    s3.write("file", [b"0123456789"])
    address = s3.presigned("file", offset=2, length=3, expires_s=60)
    answer = requests.get(address, headers={"Range": "bytes=2-4"}, timeout=30)
    assert (answer.status_code, answer.content) == (206, b"234")
    for wrong in ({"Range": "bytes=0-9"}, {}):
        assert requests.get(address, headers=wrong, timeout=30).status_code == 403


@pytest.mark.parametrize("act", [lambda s: s.stat("f"), lambda s: s.open("f"), lambda s: s.write("f", [b"x"]),
                                 lambda s: list(s.list("")), lambda s: s.delete("f")])  # fmt: skip
@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"bucket": "no-such-bucket"}, StorageMissing, "make the bucket"),
        ({"secret_key": "wrong"}, StorageRefused, "credentials"),
        ({"access_key": "nobody"}, StorageRefused, "credentials"),
        ({"endpoint": "http://127.0.0.1:1"}, StorageBusy, "does not answer"),
    ],
)
def test_a_wrong_setting_is_said_in_one_clear_line(
    bucket: S3Settings, act: Callable[[Storage], object], changes: dict[str, str], error: type[Exception], said: str
) -> None:
    storage = S3Storage(replace(bucket, **changes, attempts=1))  # type: ignore[arg-type]  # as above
    with pytest.raises(error, match=said) as caught:
        act(storage)
    assert bucket.secret_key not in str(caught.value)
    storage.close()


def test_no_secret_is_in_the_representation(s3: S3Storage) -> None:
    for shown in (repr(s3), repr(s3.settings), str(s3.settings)):
        assert s3.settings.secret_key not in shown
        assert s3.settings.access_key not in shown


def test_a_busy_store_is_asked_again_and_then_left_for_later(proxied: Proxy, bucket: S3Settings) -> None:
    # Each time one more, for the quicker way that is tried first.
    proxied.strike(Refuse(503), when=lambda _: True, times=2)
    with pytest.raises(StorageBusy):
        through(proxied, bucket).write("file", [b"x"])
    proxied.strike(Refuse(503), when=lambda _: True, times=2)
    assert through(proxied, bucket, attempts=2).write("file", [b"x"]).size_bytes == 1


def test_a_connection_cut_in_the_middle_is_an_error_that_passes(proxied: Proxy, bucket: S3Settings) -> None:
    storage = through(proxied, bucket)
    storage.write("file", [b"x" * 2_000_000])
    with storage.open("file") as file:
        proxied.strike(Cut(100_000), when=lambda request: request.method == "GET", times=1)
        with pytest.raises(StorageBusy):
            file.read()
        file.seek(0)
        assert file.read() == b"x" * 2_000_000


def test_a_used_up_quota_is_a_full_storage(radosgw: Radosgw) -> None:
    user, access, secret = radosgw.add_user()
    settings = S3Settings(radosgw.endpoint, f"quota-{secrets.token_hex(4)}", access, secret, attempts=1)
    storage = S3Storage(settings)
    storage._client.create_bucket(Bucket=settings.bucket)
    radosgw.admin("quota", "set", "--quota-scope=user", f"--uid={user}", "--max-size=4096", "--max-objects=100")
    radosgw.admin("quota", "enable", "--quota-scope=user", f"--uid={user}")
    with pytest.raises(StorageFull, match="quota"):
        storage.write("file", [b"x" * 10_000])
    storage.close()


def test_a_name_that_the_quicker_way_does_not_take_is_written_all_the_same(s3: S3Storage) -> None:
    assert not s3._fast.put("two\nlines", b"x")
    assert s3._fast.put(f"{s3.settings.prefix}/one line", b"x")
    assert s3.write("two\nlines", [b"x"]).size_bytes == 1
    assert {seen.name for seen in s3.list("")} == {"two\nlines", "one line"}


def test_both_ways_tell_the_same_of_an_object(s3: S3Storage) -> None:
    s3.write("file", [b"content"])
    (listed,) = s3.list("")
    assert s3.stat("file") == listed

"""What answers with a 200 and is no S3 store, or half of one: nothing is concluded from it, and nothing lost by it."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest
import requests
from tests.storage.test_s3 import copies, through

from fs2od.errors import StorageBusy, StorageError
from fs2od.storage.s3 import S3Settings, S3Storage
from fs2od.testing.network import Fault, Proxy, Refuse, Relabel, Reply, Request

PORTAL = Refuse(200, {"Content-Type": "text/html"}, b"<html><body>Log in<br></body></html>")
NOTHING = Refuse(200, {"Content-Type": "application/xml"}, b"")
OTHER = Refuse(200, {"Content-Type": "application/xml"}, b"<Welcome/>")
UNKNOWN = Refuse(501, {"Content-Type": "application/xml"}, b"<Error><Code>NotImplemented</Code></Error>")
BLOCK = bytes(1 << 20)


@dataclass(frozen=True)
class Body(Fault):
    """The body says something else."""

    pattern: bytes
    instead: bytes

    def after(self, reply: Reply) -> Reply:
        body = re.sub(self.pattern, self.instead, b"".join(reply.body))
        return replace(reply.saying(content_length=str(len(body))), body=(body,))


@dataclass(frozen=True)
class Endless(Fault):
    """Far more comes than was asked for."""

    blocks: int

    def after(self, reply: Reply) -> Reply:
        def body() -> Iterator[bytes]:
            for _ in range(self.blocks):
                yield BLOCK

        return replace(reply.saying(content_length=str(self.blocks * len(BLOCK))), body=body())


def everything(request: Request) -> bool:
    return request.method in ("GET", "HEAD", "PUT", "POST")


@pytest.mark.parametrize(
    "fault",
    [
        PORTAL,
        NOTHING,
        OTHER,
        Body(b"<IsTruncated>false", b"<IsTruncated>true"),
        Body(b"<ETag>.*?</ETag>", b""),
        Body(b"<LastModified>.*?</LastModified>", b"<LastModified>yesterday</LastModified>"),
    ],
    ids=["portal", "nothing", "other", "cut off", "without tags", "odd times"],
)
def test_what_is_no_listing_is_no_empty_or_whole_directory(fault: Fault, bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    for name in ("one", "two"):
        storage.write(f"folder/{name}", [b"x"])
    proxy.strike(fault, when=lambda request: "list-type=2" in request.target, times=100)
    with pytest.raises(StorageBusy):
        list(storage.list("folder"))
    with pytest.raises(StorageBusy):
        storage.rename("folder", "moved")
    proxy.forgive()
    assert [seen.name for seen in storage.list("folder")] == ["one", "two"]


def test_an_upload_whose_parts_are_listed_in_part_only_is_left_for_later(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    upload = storage.begin_upload("file", size_bytes=1, part_bytes=1)
    storage.put_part(upload, 0, b"x")
    cut = (
        Body(b"<IsTruncated>false", b"<IsTruncated>true"),
        Body(b"<NextPartNumberMarker>.*?</NextPartNumberMarker>", b""),
    )
    proxy.strike(*cut, when=lambda request: request.method == "GET")
    with pytest.raises(StorageBusy):
        storage.parts_of(upload)
    storage.abort_upload(upload)


@pytest.mark.parametrize("answer", [PORTAL, NOTHING, OTHER])
def test_what_was_not_copied_is_not_removed(answer: Fault, bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    storage.write("file", [b"the only one"])
    proxy.strike(answer, when=copies)
    with pytest.raises(StorageBusy):
        storage.rename("file", "moved")
    with storage.open("file") as file:
        assert file.read() == b"the only one"


@pytest.mark.parametrize("answer", [PORTAL, NOTHING, OTHER, Relabel({"ETag": None}), Relabel({"Last-Modified": "yesterday"})])  # fmt: skip
def test_what_does_not_speak_as_a_store_is_left_for_later(answer: Fault, bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    storage.write("file", [b"x"])
    proxy.strike(answer, when=everything, times=1000)
    acts: list[Callable[[], object]] = [lambda: storage.stat("file"), lambda: storage.open("file")]
    if isinstance(answer, Refuse):
        acts += [lambda: storage.write("file", [b"x"]), lambda: storage.begin_upload("large", size_bytes=9, part_bytes=9)]  # fmt: skip
    for act in acts:
        with pytest.raises(StorageBusy):
            act()


def test_an_upload_that_an_empty_answer_completed_is_completed_later(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    upload = storage.begin_upload("file", size_bytes=1, part_bytes=1)
    storage.put_part(upload, 0, b"x")
    proxy.strike(NOTHING, when=lambda request: request.method == "POST")
    with pytest.raises(StorageBusy):
        storage.complete_upload(upload)
    assert storage.complete_upload(upload).size_bytes == 1


def test_what_does_not_know_ranges_fills_no_memory(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    storage.write("file", [b"0123456789"])
    with storage.open("file") as file:
        proxy.strike(Endless(256), when=lambda request: request.method == "GET")
        with pytest.raises(StorageBusy):
            file.read()
    # What is on its way lies in the buffers of the connection.
    assert proxy.struck()[0].body_bytes < 128 << 20


def test_a_store_that_knows_no_condition_gives_no_mixture(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    storage.write("file", [b"0123456789"])
    with storage.open("file") as file:
        proxy.strike(Relabel({"ETag": '"of another one"'}), when=lambda request: request.method == "GET")
        with pytest.raises(StorageError, match="changed while it was read"):
            file.read()


def test_an_object_whose_tag_is_a_weak_one_can_be_read(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    storage.write("file", [b"0123456789"])
    proxy.strike(Relabel({"ETag": 'W/"compressed"'}), when=everything, times=100)
    with storage.open("file") as file:
        assert file.read() == b"0123456789"


def test_a_store_that_knows_no_new_names_gets_them_all_the_same(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    proxy.strike(UNKNOWN, when=lambda request: "if-none-match" in request.headers, times=100)
    assert storage.write("file", [b"x"], replace=False).size_bytes == 1
    with pytest.raises(FileExistsError):
        storage.write("file", [b"y"], replace=False)
    with storage.open("file") as file:
        assert file.read() == b"x"


def test_a_store_that_does_not_tell_its_uploads_has_none_to_sweep(bucket: S3Settings, proxy: Proxy) -> None:
    storage = through(proxy, bucket)
    proxy.strike(UNKNOWN, when=lambda request: "uploads" in request.target, times=100)
    assert storage.sweep(before_ns=1) == 0


@pytest.mark.parametrize(
    "name",
    [
        "a b+c%41#?&=;'\"<>\\^`{}|~!*()[]@$,:", "%2e%2e", "a%2Fb", "..a", " lead", "trail ", "\U0001f52c", "a\r\nb",
        "\x01", "\x1f", "\x7f", "\ufffe", "\uffff", "\ufeff", "x" * 255,
    ],
)  # fmt: skip
def test_names_of_all_characters_are_listed_entered_moved_and_presigned(name: str, bucket: S3Settings) -> None:
    storage, content = S3Storage(replace(bucket, prefix=f"{secrets.token_hex(4)}/%41+ü")), b"0123456789"
    tries: list[Callable[[], object]] = [
        lambda: storage.write(f"{name}/{name}", [content]),
        lambda: storage.rename(name, f"moved/{name}"),
    ]
    for one in tries:
        one()
    assert [seen.name for seen in storage.list("moved")] == [name]
    assert [seen.name for seen in storage.list(f"moved/{name}")] == [name]
    with pytest.raises(FileNotFoundError):
        storage.stat(name)
    path = f"moved/{name}/{name}"
    with storage.open(path) as file:
        assert file.read() == content
    address = storage.presigned(path, offset=2, length=3, expires_s=60)
    answer = requests.get(address, headers={"Range": "bytes=2-4"}, timeout=30)
    assert (answer.status_code, answer.content) == (206, b"234")
    storage.delete(path)
    storage.close()

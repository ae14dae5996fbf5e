"""Our reader of TAR streams against what the standard library writes."""

import io
import tarfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.transfer import MalformedAnswer
from fs2od.transfer._tar import ROOM_BESIDE, TarStream

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=300).filter(
    lambda name: not name.endswith("/") and name.strip("/") == name
)


def written(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1000
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def read(data: bytes, wants: Callable[[str], bool] = lambda _: True) -> dict[str, bytes]:
    stream = io.BytesIO(data)

    def exactly(view: memoryview) -> None:
        if stream.readinto(view) != len(view):
            raise MalformedAnswer("cut off")

    found: dict[str, bytes] = {}
    archive = TarStream(exactly, lambda count: exactly(memoryview(bytearray(count))))
    for member in archive.members():
        if member.is_file and wants(member.name):
            found[member.name] = bytes(archive.take(memoryview(bytearray(member.size_bytes + ROOM_BESIDE))))
    return found


@given(
    st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5),
    st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
)
def test_what_is_written_is_read(files: dict[str, bytes], form: int) -> None:
    assert read(written(files, form)) == files


@given(st.dictionaries(NAMES, st.binary(max_size=1500), max_size=5))
def test_what_nobody_takes_is_passed_over(files: dict[str, bytes]) -> None:
    wanted = {name for name in files if len(name) % 2}
    assert read(written(files), wanted.__contains__) == {name: files[name] for name in wanted}


def test_the_old_form_with_its_prefix_is_read() -> None:
    files = {f"{'d' * 90}/{'n' * 90}": b"x", "short": b"y" * 512}
    assert read(written(files, tarfile.USTAR_FORMAT)) == files


def test_what_is_no_plain_file_is_passed_over() -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for kind, name in ((tarfile.DIRTYPE, "folder"), (tarfile.SYMTYPE, "link"), (tarfile.FIFOTYPE, "pipe")):
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "elsewhere"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("file"))
    assert read(stream.getvalue()) == {"file": b""}


@given(st.data())
def test_a_damaged_head_is_never_believed(data: st.DataObject) -> None:
    archive = bytearray(written({"name": b"12345"}, tarfile.USTAR_FORMAT))
    at = data.draw(st.integers(0, 511).filter(lambda place: not 148 <= place < 156))
    archive[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(MalformedAnswer):
        read(bytes(archive))


@given(st.binary(min_size=512, max_size=2048))
def test_no_bytes_at_all_break_the_reader(data: bytes) -> None:
    try:
        read(data)
    except MalformedAnswer:
        return


def test_a_name_without_end_is_refused() -> None:
    head = bytearray(written({"x": b""}, tarfile.USTAR_FORMAT)[:512])
    head[156:157] = b"L"
    head[124:136] = b"77777777777\0"
    head[148:156] = b"%06o\0 " % (sum(head) - sum(head[148:156]) + 256)
    with pytest.raises(MalformedAnswer, match="without end"):
        read(bytes(head))

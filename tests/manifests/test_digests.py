import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.manifests import (
    PIECE_BYTES,
    Digester,
    ManifestEntry,
    is_listable,
    parse_sha256sums_line,
    piece_ranges,
    sha256sums_line,
)


@given(st.lists(st.binary(max_size=40), max_size=10), st.integers(1, 30))
def test_the_checksums_do_not_depend_on_how_the_bytes_come(chunks: list[bytes], piece_bytes: int) -> None:
    whole, digester = b"".join(chunks), Digester(piece_bytes)
    for chunk in chunks:
        digester.update(chunk)
    pieces = [
        hashlib.sha256(whole[first : first + count]).hexdigest()
        for first, count in piece_ranges(len(whole), piece_bytes)
    ]
    assert digester.sha256 == hashlib.sha256(whole).hexdigest()
    assert digester.crc32 == zlib.crc32(whole)
    assert digester.size_bytes == len(whole)
    assert digester.pieces == (tuple(pieces) if len(whole) > piece_bytes else ())


@pytest.mark.parametrize(("size", "pieces"), [(PIECE_BYTES, 0), (PIECE_BYTES + 1, 2), (3 * PIECE_BYTES, 3)])
def test_a_digester_makes_an_entry_with_pieces_where_they_belong(size: int, pieces: int) -> None:
    digester = Digester()
    digester.update(memoryview(bytes(size)))
    entry = digester.entry("a/b", 5)
    assert (entry.path, entry.size_bytes, entry.mtime_ns, len(entry.pieces)) == ("a/b", size, 5, pieces)


@given(st.integers(0, 10_000), st.integers(1, 100))
def test_pieces_cover_a_file_once(size_bytes: int, piece_bytes: int) -> None:
    ranges = piece_ranges(size_bytes, piece_bytes)
    assert [byte for first, count in ranges for byte in range(first, first + count)] == list(range(size_bytes))
    assert all(count == piece_bytes for _, count in ranges[:-1])


@pytest.mark.parametrize("name", ["a", "a b", "-", "-c", "a\\b", "a\nb", "\\", "é", " a", "*a", "a\tb"])
def test_sha256sum_understands_every_line(name: str, tmp_path: Path) -> None:
    content = name.encode() * 3
    (tmp_path / name).write_bytes(content)
    entry = ManifestEntry(name, len(content), 0, hashlib.sha256(content).hexdigest(), 0)
    (tmp_path / "sums").write_text(sha256sums_line(entry), newline="")
    said = subprocess.run(
        ["sha256sum", "--check", "--strict", "sums"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert said.returncode == 0, said


@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(is_listable))
def test_a_line_of_sha256sums_is_read_as_it_was_written(path: str) -> None:
    line = sha256sums_line(ManifestEntry(path, 1, 0, "0a" * 32, 0))
    assert line.endswith("\n")
    assert parse_sha256sums_line(line[:-1].encode()) == (path, "0a" * 32)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"0a" * 32,
        b"0a" * 32 + b" *a",
        b"0A" * 32 + b"  a",
        b"0a" * 31 + b"  a",
        b"0a" * 32 + b"  ../a",
        b"0a" * 32 + b"  /a",
        b"0a" * 32 + b"  \xff",
        b"\\" + b"0a" * 32 + b"  a\\n\0",
        b"\\\\" + b"0a" * 32 + b"  a",
    ],
)
def test_what_is_no_line_of_sha256sums_is_none(line: bytes) -> None:
    assert parse_sha256sums_line(line) is None

"""Files that are in no file system, and the parts that list them."""

from __future__ import annotations

from hypothesis import strategies as st

from fs2od.manifests import Gone, ManifestEntry, Part, dump_part, is_listable, parse_part

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join).filter(is_listable)
HASHES = st.binary(min_size=32, max_size=32).map(bytes.hex)
MIB = 1 << 20


@st.composite
def entries(draw: st.DrawFn, paths: st.SearchStrategy[str] = PATHS) -> ManifestEntry:
    size_bytes = draw(st.integers(0, 8 * MIB) | st.integers(0, 80 * MIB) | st.just(8 * MIB))
    pieces = -(-size_bytes // (8 * MIB)) if size_bytes > 8 * MIB else 0
    return ManifestEntry(
        path=draw(paths),
        size_bytes=size_bytes,
        mtime_ns=draw(st.integers(-(2**63), 2**63 - 1)),
        sha256=draw(HASHES),
        crc32=draw(st.integers(0, 2**32 - 1)),
        pieces=tuple(draw(st.lists(HASHES, min_size=pieces, max_size=pieces))),
    )


def part(number: int, files: list[ManifestEntry], gone: list[str] | None = None) -> Part:
    """Return a part that was written and read."""
    return parse_part(dump_part(number, files, [Gone(path) for path in gone or []]))


def entry(path: str, size_bytes: int = 1, *, mtime_ns: int = 1) -> ManifestEntry:
    """Return a small file's entry."""
    return ManifestEntry(path, size_bytes, mtime_ns, f"{size_bytes:064x}", size_bytes)

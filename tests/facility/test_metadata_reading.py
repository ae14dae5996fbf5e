"""Metadata files of every kind, good and bad."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fs2od.facility.metadata import MetadataProblem, read_metadata
from fs2od.facility.metadata._reading import parse_metadata


def problem(content: bytes) -> MetadataProblem:
    with pytest.raises(MetadataProblem) as caught:
        parse_metadata(content, "SPA.yml")
    return caught.value


def test_a_mapping_is_returned() -> None:
    assert parse_metadata(b"\xef\xbb\xbfSample:\r\n  Name: grid 2\r\n", "SPA.yml") == {"Sample": {"Name": "grid 2"}}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "SPA.yml: is empty"),
        (b"# only a comment\n", "SPA.yml: is empty"),
        (b"- a\n- b\n", "SPA.yml line 1: expected a mapping, found a list"),
        (b"just words\n", "SPA.yml line 1: expected a mapping, found plain text"),
        (b"42\n", "SPA.yml line 1: expected a mapping, found a int"),
        (b"a: 1\nb: [1, 2\n", "SPA.yml line 3: "),
        (b"a: 1\n\tb: 2\n", "SPA.yml line 2: "),
        (b"a: 1\na: 2\n", "SPA.yml line 2: "),
        (b"a: !!python/object/apply:os.system ['true']\n", "SPA.yml line 1: "),
        (b"a: 1\n--- \nb: 2\n", "SPA.yml line 2: "),
        (b"a: \xff\n", "SPA.yml line 1: is not UTF-8"),
        (b"a: 1\nb: \xc3\n", "SPA.yml line 2: is not UTF-8"),
        (b"a: \x00\n", "SPA.yml: is no valid YAML"),
        (b"a: *nowhere\n", "SPA.yml line 1: "),
        (b"a: &a [*a]\n", "SPA.yml line 1: refers to itself"),
        (b"a: !!bool maybe\n", "SPA.yml: is no valid YAML"),
        (b"a: !!int ''\n", "SPA.yml: is no valid YAML"),
        (b"a: !!float _\n", "SPA.yml: is no valid YAML"),
        (b"a: 1\nSample: {Name: 0x" + b"f" * 6000 + b"}\n", "SPA.yml line 2: holds a number of more digits"),
        (b"a: 1\n? 0o" + b"7" * 6000 + b"\n: [1]\n", "SPA.yml line 2: holds a number of more digits"),
        (b"a: " + b"9" * 6000, "SPA.yml: is no valid YAML"),
        (b"[" * 5000, "SPA.yml: is nested deeper than 64 levels"),
    ],
)
def test_what_cannot_be_used_is_told_with_file_line_and_reason(content: bytes, said: str) -> None:
    assert str(problem(content)).startswith(said)


def test_a_long_text_is_no_number() -> None:
    assert parse_metadata(b"a: " + b"f" * 6000, "SPA.yml") == {"a": "f" * 6000}


def test_aliases_that_stand_for_too_much_are_refused_before_they_are_followed() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [" + ", ".join([f"*a{n - 1}"] * 9) + "]" for n in range(1, 12)]
    assert "its aliases stand for too much" in str(problem("\n".join(lines).encode()))


def test_merged_mappings_that_double_are_refused_too() -> None:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 40)]
    assert "its aliases stand for too much" in str(problem("\n".join(lines).encode()))


def test_ordinary_aliases_are_fine() -> None:
    content = b"person: &p {Email: alex@example.org}\nUser: *p\nOperator: *p\n"
    assert parse_metadata(content, "SPA.yml")["User"] == {"Email": "alex@example.org"}


def test_the_reason_never_quotes_the_file() -> None:
    for content in (b"PasswordHash: secret-hash\nToken: [secret-token\n", b"Token: secret-1\nToken: secret-2\n"):
        assert "secret" not in str(problem(content))


@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "missing"])
def test_only_a_regular_file_is_read_and_nothing_blocks(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "SPA.yml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        (tmp_path / "target").write_text("a: 1\n")
        path.symlink_to("target")
    with pytest.raises(MetadataProblem):
        read_metadata(path)


def test_more_than_a_mebibyte_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "SPA.yml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(MetadataProblem, match=r"SPA\.yml: is larger than 1 MiB"):
        read_metadata(path)


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=300), st.text(alphabet="ab:-[]{}&*!|>'\"\n \t#?,0.", max_size=200).map(str.encode)))
def test_anything_is_either_a_mapping_or_a_problem(content: bytes) -> None:
    found: object = None
    try:
        found = parse_metadata(content, "SPA.yml")
    except MetadataProblem as error:
        found = {"reason": error.reason}
    assert isinstance(found, dict)

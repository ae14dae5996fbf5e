import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.errors import ConfigurationError
from fs2od.transfer import InvalidPattern, Options, Selection, listed_paths, parse_rate, readable_duration


def paths(*texts: str) -> list[tuple[str, ...]]:
    return [tuple(text.split("/")) for text in texts]


@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("*.mrc", ["a.mrc", "x/y/b.mrc", "d.mrc/inside"], ["a.mrcs", "mrc"]),
        ("Data", ["Data/a", "x/Data/y/b"], ["Database/a", "a"]),
        ("x/*.mrc", ["x/a.mrc"], ["a.mrc", "x/y/a.mrc", "z/x/a.mrc"]),
        ("x/**/*.mrc", ["x/a.mrc", "x/y/z/a.mrc"], ["y/a.mrc"]),
        ("/x", ["x", "x/a"], ["y/x"]),
        ("Grid?/[ab]*", ["Grid1/a1", "Grid2/b"], ["Grid12/a", "Grid1/c"]),
        ("[!a]*", ["b"], ["a"]),
        ("a[", ["a["], ["ab"]),
        ("[a-c--9]x", ["bx", "-x", "8x"], ["dx", "/x"]),
        ("[a&&~~||^]", ["&", "~", "|", "^"], ["b"]),
        ("a+(b)", ["a+(b)"], ["ab", "aab"]),
    ],
)
def test_patterns_mean_what_people_expect(pattern: str, matches: list[str], misses: list[str]) -> None:
    only, without = Selection(include=[pattern]), Selection(exclude=[pattern])
    assert [path for path in paths(*matches) if not only.wants(path) or without.wants(path)] == []
    assert [path for path in paths(*misses) if only.wants(path) or not without.wants(path)] == []


def test_what_is_excluded_stays_out_even_if_it_is_included() -> None:
    selection = Selection(include=["*.mrc"], exclude=["bad"])
    assert selection.wants(("good", "a.mrc"))
    assert not selection.wants(("bad", "a.mrc"))
    assert not selection.enters(("bad",))
    assert selection.enters(("good",))


def test_the_sidecar_comes_along_unless_it_is_excluded() -> None:
    assert Selection(include=["*.mrc"]).wants(("fs2od-sidecar", "manifest", "000001.jsonl"))
    assert not Selection(exclude=["fs2od-sidecar"]).wants(("fs2od-sidecar", "manifest", "000001.jsonl"))


@given(st.text(max_size=30), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_no_pattern_at_all_breaks_it(pattern: str, names: list[str]) -> None:
    with contextlib.suppress(InvalidPattern):
        Selection(include=[pattern]).wants(tuple(names))


@pytest.mark.parametrize("pattern", ["[z-a]*", "x/[9-0]", "/**/[!b-a]"])
def test_a_pattern_without_a_meaning_is_refused_before_anything_begins(pattern: str) -> None:
    for options in ({"include": ("*", pattern)}, {"exclude": (pattern,)}):
        with pytest.raises(
            InvalidPattern, match=re.escape(f"the pattern {pattern.strip('/')} cannot be used: ")
        ) as told:
            Options(**options)
        assert told.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "rate"),
    [("500k", 5e5), ("20M", 2e7), ("1.5 GB/s", 1.5e9), ("1Mi", 1048576), ("2000", 2000), ("1kB", 1000)],
)
def test_a_rate_is_understood(text: str, rate: float) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "-5M", "1", "5X", "1e9", "M"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="20M"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "1 s"), (45.4, "45 s"), (100, "2 min"), (5390, "90 min"), (12_000, "3 h 20 min")]
)
def test_durations_are_said_in_words(seconds: float, text: str) -> None:
    assert readable_duration(seconds) in {text, text.replace("90 min", "1 h 30 min")}


def test_a_list_holds_paths_as_they_are_and_nothing_else_is_looked_for() -> None:
    selection = Selection(only=["x/*.mrc", "y/z/", "[a]"])
    wanted = paths("x/*.mrc", "y/z/deep/a", "[a]", "fs2od-sidecar/seal")
    assert [path for path in wanted if not selection.wants(path)] == []
    assert [path for path in paths("x/a.mrc", "y/a", "y/zz", "a", "z/y/z/a") if selection.wants(path)] == []
    assert [folder for folder in paths("x", "y", "y/z", "y/z/deep") if not selection.enters(folder)] == []
    assert not any(map(selection.enters, paths("w", "y/zz", "x/w")))
    assert not selection.makes(("y",))
    assert selection.makes(("y", "z", "empty"))
    assert not selection.is_everything


def test_patterns_choose_among_what_a_list_holds() -> None:
    selection = Selection(include=["*.mrc"], exclude=["bad*"], only=["x"])
    assert [path for path in paths("x/a.mrc", "x/a.txt", "x/bad.mrc", "y/a.mrc") if selection.wants(path)] == [
        ("x", "a.mrc")
    ]


def test_what_a_list_names_and_nobody_asked_about_is_named() -> None:
    selection = Selection(only=["x/a", "x/gone", "folder"])
    for path in paths("x/a", "x/b", "folder/deep/c"):
        selection.wants(path)
    assert selection.unmet == [("x", "gone")]


@pytest.mark.parametrize("line", ["./x/a", "x/a/", "x/a\r", "./x//a/\r", "\ufeffx/a", "\ufeff./x/a\r", "/x/./a"])
def test_what_programs_add_to_paths_is_forgiven(line: str) -> None:
    selection = Selection(only=[line, "gone\r"])
    assert selection.enters(("x",))
    assert [path for path in paths("x/a", "x/b", "x", "a", "y/x/a") if selection.wants(path)] == [("x", "a")]
    assert selection.unmet == [("gone",)]


def test_a_name_that_really_ends_so_is_met_as_it_is() -> None:
    selection = Selection(only=["x/a\r", "\ufeffb"])
    assert selection.wants(("x", "a\r"))
    assert selection.wants(("\ufeffb",))
    assert selection.unmet == []


def test_what_find_lists_of_a_folder_is_met_path_by_path() -> None:
    selection = Selection(only=[".", "./x", "./x/a", "./x/gone"])
    assert selection.wants(("x", "a"))
    assert not selection.wants(("y",))
    assert selection.unmet == [("x", "gone")]
    assert Selection(only=["./\r", "."]).wants(("y",))
    assert Selection(only=["./"]).unmet == []


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_list_of_a_windows_program_is_understood(tmp_path: Path, encoding: str) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes("d/é\r\n\r\nb\r\n".encode(encoding))
    selection = Selection(only=listed_paths(str(listed)))
    assert [path for path in paths("d/é", "b", "c") if selection.wants(path)] == [("d", "é"), ("b",)]
    assert selection.unmet == []


def test_a_list_is_read_line_by_line_and_no_name_is_changed(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_bytes("a b \n\n# x\nd/é\x85\u2028\r\n".encode())
    assert listed_paths(str(listed)) == ("a b ", "# x", "d/é\x85\u2028\r")
    listed.write_bytes(b"\n/\n")
    with pytest.raises(ConfigurationError, match="lists no path"):
        listed_paths(str(listed))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        listed_paths(str(tmp_path / "none"))


@pytest.mark.parametrize("pattern", ["./x/*.mrc", "././/x/*.mrc", "./x", "./", "."])
def test_a_pattern_from_the_top_may_be_written_as_shells_do(pattern: str) -> None:
    selection = Selection(include=[pattern])
    assert selection.wants(("x", "a.mrc"))
    assert selection.wants(("y", "x", "a.mrc")) == (pattern in {"./", "."})
    assert list(selection.unmatched) == []


def test_patterns_that_nothing_matches_are_told() -> None:
    selection = Selection(include=["*.foo", "./bar"], exclude=["*.mrc"])
    for path in paths("fs2od-sidecar/seal", "a.tif", "x/b.mrc"):
        selection.wants(path)
    assert list(selection.unmatched) == ["*.foo", "/bar"]
    assert selection.makes(("bar",))
    assert list(selection.unmatched) == []
    assert not Selection(exclude=["*"]).unmatched

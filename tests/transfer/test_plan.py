import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fs2od.manifests import is_straight
from fs2od.onedata.ids import FileId
from fs2od.transfer import Entry, EntryKind, LinkLeftOut, Plan, Present, plan_download
from fs2od.transfer._plan import Folding


def file(name: str, size_bytes: int = 10, mtime_s: int = 1000, *, file_id: str = "ID") -> Entry:
    return Entry(name, EntryKind.FILE, FileId(file_id), size_bytes, mtime_s)


def folder(name: str) -> Entry:
    return Entry(name, EntryKind.FOLDER, FileId("ID"))


def link(name: str, target: str | None) -> Entry:
    return Entry(name, EntryKind.SYMLINK, FileId("ID"), target=target)


def here(size_bytes: int = 10, mtime_s: int = 1000) -> Present:
    return Present(EntryKind.FILE, size_bytes, mtime_s)


def fetched(plan: Plan) -> list[str]:
    return [fetch.entry.name for fetch in plan.fetch]


def refused(plan: Plan) -> dict[str, str]:
    return {refusal.entry.name: refusal.reason for refusal in plan.refuse}


def test_what_is_missing_is_fetched() -> None:
    assert fetched(plan_download([file("a"), file("b")], {"b": here()})) == ["a"]


@pytest.mark.parametrize("there", [here(9), here(mtime_s=1001)])
def test_a_file_of_another_size_or_time_is_fetched_again(there: Present) -> None:
    assert fetched(plan_download([file("a")], {"a": there})) == ["a"]


def test_a_file_of_the_same_size_and_time_is_skipped() -> None:
    assert plan_download([file("a")], {"a": here()}) == Plan(skip=(file("a"),))


def test_folders_are_entered_whether_they_are_there_or_not() -> None:
    plan = plan_download([folder("new"), folder("old")], {"old": Present(EntryKind.FOLDER)})
    assert [entry.name for entry in plan.folders] == ["new", "old"]


def test_what_is_not_listed_is_left_alone() -> None:
    assert plan_download([], {"mine": here(), "notes": Present(EntryKind.FOLDER)}) == Plan()


@pytest.mark.parametrize("name", ["..", ".", "", "../../x", "/etc/passwd", "a/b", "nul\0", "a/", "\ud800"])
@pytest.mark.parametrize("kind", [EntryKind.FILE, EntryKind.FOLDER, EntryKind.SYMLINK])
def test_a_name_that_leads_out_of_its_folder_is_refused(name: str, kind: EntryKind) -> None:
    plan = plan_download([Entry(name, kind, FileId("ID"), target="x"), file("good")], {})
    assert list(refused(plan)) == [name]
    assert fetched(plan) == ["good"]


def test_a_name_longer_than_file_systems_allow_is_refused_by_its_bytes() -> None:
    plan = plan_download([file("ö" * 128), file("o" * 255)], {})
    assert list(refused(plan)) == ["ö" * 128]


def test_a_name_listed_twice_is_taken_once() -> None:
    plan = plan_download([file("a", file_id="1"), file("a", file_id="2")], {})
    assert [fetch.entry.file_id for fetch in plan.fetch] == ["1"]
    assert refused(plan) == {"a": "listed twice"}


def test_names_that_differ_only_in_case_are_two_where_the_disk_tells_them_apart() -> None:
    assert fetched(plan_download([file("a"), file("A")], {})) == ["a", "A"]


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("straße", "STRASSE"), ("é", "e\u0301")])
def test_names_that_differ_only_in_case_or_form_are_refused_where_the_disk_does_not(one: str, other: str) -> None:
    plan = plan_download([file(one), file(other)], {}, folding=Folding(case=True))
    assert fetched(plan) == [one]
    assert list(refused(plan)) == [other]


def test_names_that_differ_only_in_form_are_told_as_that_where_the_disk_takes_them_for_one() -> None:
    listing = [file("é"), file("e\u0301"), file("a"), file("A")]
    plan = plan_download(listing, {}, folding=Folding(form=True))
    assert fetched(plan) == ["é", "a", "A"]
    said = "another name in its folder differs from it only in how its letters are composed, and this disk takes both for one"
    assert refused(plan) == {"e\u0301": said}


@pytest.mark.parametrize(
    ("entry", "there"),
    [
        (file("x"), Present(EntryKind.FOLDER)),
        (file("x"), Present(EntryKind.SYMLINK, target="y")),
        (file("x"), Present(EntryKind.OTHER)),
        (folder("x"), here()),
        (folder("x"), Present(EntryKind.SYMLINK, target="/tmp")),
        (link("x", "y"), here()),
        (link("x", "y"), Present(EntryKind.SYMLINK, target="z")),
    ],
)
def test_what_stands_in_the_way_is_never_replaced_by_something_else(entry: Entry, there: Present) -> None:
    plan = plan_download([entry], {"x": there})
    assert "stands in its place" in refused(plan)["x"]


@pytest.mark.parametrize(
    ("target", "depth"),
    [
        ("b", 0),
        ("./b/c", 0),
        ("../b", 1),
        ("../../b/c", 2),
        ("..", 1),
    ],
)
def test_a_link_that_stays_below_the_destination_is_made(target: str, depth: int) -> None:
    assert plan_download([link("x", target)], {}, depth=depth).links == (link("x", target),)


@pytest.mark.parametrize(
    ("target", "depth"),
    [
        ("/etc/passwd", 3),
        ("..", 0),
        ("../b", 0),
        ("../../b", 1),
        ("", 0),
        ("a\0b", 0),
        (None, 0),
        ("x" * 5000, 0),
        ("\ud800", 0),
    ],
)
def test_a_link_that_leads_out_is_left_out(target: str | None, depth: int) -> None:
    (refusal,) = plan_download([link("x", target)], {}, depth=depth).refuse
    assert isinstance(refusal.error, LinkLeftOut)
    assert refusal.error.exit_code == 0


def test_a_link_that_goes_up_after_a_name_is_judged_when_that_name_stands() -> None:
    entry = link("x", "b/../c")
    for there in ({}, {"x": Present(EntryKind.SYMLINK, target="c")}):
        assert plan_download([entry], there) == Plan(links=(entry,))
    assert plan_download([entry], {"x": Present(EntryKind.SYMLINK, target="b/../c")}) == Plan(skip=(entry,))


@pytest.mark.parametrize(
    ("entries", "windows", "code"),
    [
        ([file("a"), file("A")], False, 7),
        ([file("con")], True, 7),
        ([file("in the way")], False, 7),
        ([file("a/b")], False, 8),
        ([file("a"), file("a")], False, 8),
        ([file("a", -1)], False, 8),
    ],
)
def test_what_this_disk_cannot_take_and_what_no_disk_should_are_told_apart(
    entries: list[Entry], windows: bool, code: int
) -> None:
    there = {"in the way": Present(EntryKind.FOLDER)}
    (refusal,) = plan_download(entries, there, folding=Folding(case=True), on_windows=windows).refuse
    assert refusal.error.exit_code == code


def test_a_link_that_is_there_already_is_skipped() -> None:
    entry = link("x", "y")
    assert plan_download([entry], {"x": Present(EntryKind.SYMLINK, target="y")}) == Plan(skip=(entry,))


def test_a_file_of_unknown_size_is_refused() -> None:
    assert list(refused(plan_download([file("a", -1)], {}))) == ["a"]


def partial_of(entry: Entry) -> str:
    return f"{entry.name}.{entry.state()}.partial"


def test_the_partial_file_of_this_very_state_is_gone_on_with() -> None:
    entry = file("a.mrc")
    [fetch] = plan_download([entry], {partial_of(entry): here(5)}).fetch
    assert str(fetch.partial) == partial_of(entry)


def test_partial_files_of_other_states_are_removed() -> None:
    entry, earlier = file("a.mrc"), file("a.mrc", 7)
    plan = plan_download([entry], {partial_of(entry): here(5), partial_of(earlier): here(5)})
    assert plan.remove == (partial_of(earlier),)


def test_partial_files_of_a_file_that_is_whole_are_removed() -> None:
    entry = file("a.mrc")
    assert plan_download([entry], {"a.mrc": here(), partial_of(entry): here(5)}).remove == (partial_of(entry),)


def test_a_listed_file_that_is_called_like_a_partial_file_is_a_file_like_any_other() -> None:
    name = "a.mrc.0123456789ab.partial"
    plan = plan_download([file("a.mrc"), file(name)], {name: here()})
    assert [entry.name for entry in plan.skip] == [name]
    assert plan.remove == ()


def test_a_listing_that_claims_the_name_of_a_partial_file_does_not_get_both() -> None:
    entry = file("a.mrc")
    plan = plan_download([entry, file(partial_of(entry))], {})
    assert fetched(plan) == [partial_of(entry)]
    assert list(refused(plan)) == ["a.mrc"]


@pytest.mark.parametrize(
    "name", ["..\\x", "C:x", "a\\b", "CON", "nul.txt", "com1", "a.", "a ", "a:b", "a*", "a\tb", "a|b", 'a"b']
)
def test_names_with_a_meaning_on_windows_are_refused_there_and_only_there(name: str) -> None:
    assert list(refused(plan_download([file(name)], {}, on_windows=True))) == [name]
    assert fetched(plan_download([file(name)], {})) == [name]


@pytest.mark.parametrize("name", ["a.mrc", "console", "a b", ".hidden", "wörter", "-rf", "com10"])
def test_plain_names_are_fine_on_windows(name: str) -> None:
    assert fetched(plan_download([file(name)], {}, on_windows=True)) == [name]


NAMES = st.one_of(
    st.sampled_from(["..", ".", "", "a", "A", "b", "a/b", "x\0", "ö" * 200]),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.text(string.ascii_letters, max_size=3),
)
ENTRIES = st.builds(
    Entry,
    NAMES,
    st.sampled_from([EntryKind.FILE, EntryKind.FOLDER, EntryKind.SYMLINK]),
    st.text("0123", max_size=2).map(FileId),
    st.integers(-1, 3),
    st.integers(0, 3),
    st.one_of(st.none(), st.lists(st.sampled_from(["..", ".", "a", "b", ""]), max_size=5).map("/".join)),
)
PRESENT = st.dictionaries(
    NAMES.filter(lambda name: name not in {"", ".", ".."} and "/" not in name and "\0" not in name),
    st.builds(Present, st.sampled_from(EntryKind), st.integers(0, 3), st.integers(0, 3)),
)


@given(st.lists(ENTRIES, max_size=20), PRESENT, st.integers(0, 3), st.builds(Folding, st.booleans(), st.booleans()))
def test_every_entry_has_one_fate_and_no_two_share_a_name(
    listing: list[Entry], present: dict[str, Present], depth: int, folding: Folding
) -> None:
    plan = plan_download(listing, present, depth=depth, folding=folding)
    taken = [*(f.entry for f in plan.fetch), *plan.skip, *plan.folders, *plan.links]
    assert len(taken) + len(plan.refuse) == len(listing)
    names = [entry.name for entry in taken]
    assert len(set(names)) == len(names)
    assert all(name not in {"", ".", ".."} and "/" not in name and "\0" not in name for name in names)


@given(st.lists(ENTRIES, max_size=20), PRESENT)
def test_once_everything_is_there_nothing_is_left_to_fetch(listing: list[Entry], present: dict[str, Present]) -> None:
    plan = plan_download(listing, present)
    brought = {f.entry.name: here(f.entry.size_bytes, f.entry.mtime_s) for f in plan.fetch}
    linked = {entry.name: Present(EntryKind.SYMLINK, target=entry.target) for entry in plan.links}
    made = {entry.name: Present(EntryKind.FOLDER) for entry in plan.folders}
    kept = {name: there for name, there in present.items() if name not in plan.remove}
    again = plan_download(listing, kept | brought | linked | made)
    assert [*again.fetch, *again.links, *again.remove] == []


@given(st.lists(st.sampled_from(["..", ".", "a", "b", "l"]), min_size=1, max_size=6), st.integers(0, 2))
def test_no_link_that_is_made_as_it_is_leads_out_however_it_is_followed(steps: list[str], depth: int) -> None:
    """The oracle walks: every name in the way may itself be a link that leads up to the destination."""
    target = "/".join(steps)
    if is_straight(target) and plan_download([link("x", target)], {}, depth=depth).links:
        level = depth
        for step in steps:
            level = level - 1 if step == ".." else 0 if step == "l" else level if step == "." else level + 1
            assert level >= 0
    assert not Path(target).is_absolute()

"""What lies in the folders against what the journal knows: decided from facts, without a file system."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from fs2od.configuration import Watch
from fs2od.facility.deciding import CLOSED_FOLDER, Adopt, Hold, Identify, Release, reconcile
from fs2od.facility.journal import Phase, Problem, ProblemKind, Record
from fs2od.facility.watching import Look, Oddity, PassedOver, SeenFile, SeenFolder, Sighting

NOW = datetime(2026, 11, 5, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(hours=1)
ROOT = "/data/krios1"
WATCH = Watch(path=Path(ROOT))
FILE = SeenFile("SPA.yml", 100, 1_000_000_000, 7)

GONE = "the folder is gone: put it back; if it is gone for good: fs2od datasets retire A"


def folder(
    name: str = "A",
    *,
    inode: int = 1,
    file: SeenFile | None = FILE,
    device: int = 1,
    root: str = ROOT,
    generation: int = 0,
) -> SeenFolder:
    return SeenFolder(root, name, device, inode, (file,) if file else (), running=False, generation=generation)


def record(name: str = "A", *, inode: int = 1, number: int = 1, problem: Problem | None = None) -> Record:
    return Record(
        id=number, root=ROOT, relative=name, name=name, unique_name=f"{name}-x", device=1, inode=inode, detected_at=LONG_AGO,
        phase=Phase.ACQUIRING, metadata=FILE, problem=problem,
    )  # fmt: skip


def reconciled(
    folders: list[SeenFolder],
    records: list[Record],
    *,
    since: datetime = LONG_AGO,
    missing: dict[str, str] | None = None,
    watches: tuple[Watch, ...] = (WATCH,),
) -> list[Adopt | Hold | Release | Identify]:
    sightings = {each.identity: Sighting(each, since) for each in folders}
    return reconcile(Look(tuple(folders), missing or {}), sightings, records, watches, NOW)


def problem_of(actions: list[Adopt | Hold | Release | Identify]) -> Problem:
    (action,) = actions
    assert isinstance(action, Hold | Adopt)
    assert action.problem is not None
    return action.problem


def test_a_folder_that_is_closed_is_not_taken_up_and_a_dataset_in_one_says_what_to_do() -> None:
    closed = SeenFolder(ROOT, "A", 1, 1, (FILE,), running=False, is_closed=True)
    assert reconciled([closed], []) == []
    problem = problem_of(reconciled([closed], [record()]))
    assert problem == Problem(ProblemKind.CLOSED, CLOSED_FOLDER, NOW)
    held = record(problem=problem)
    assert reconciled([closed], [held]) == []
    assert reconciled([folder()], [held]) == [Release(1)]


def test_a_dataset_below_a_closed_folder_is_not_said_to_be_gone() -> None:
    look = Look((), {}, (PassedOver(ROOT, "2026", Oddity.CLOSED),))
    problem = problem_of(reconcile(look, {}, [record("2026/A")], (WATCH,), NOW))
    assert problem.kind is ProblemKind.CLOSED
    assert problem.said.startswith("a folder above it is closed")


def test_a_settled_folder_is_taken_up() -> None:
    assert reconciled([folder()], []) == [Adopt(folder())]


def test_a_metadata_file_that_was_written_just_now_is_given_time() -> None:
    assert reconciled([folder()], [], since=NOW - timedelta(seconds=1.9)) == []


def test_a_folder_without_a_metadata_file_is_no_dataset() -> None:
    assert reconciled([folder(file=None)], []) == []


def test_what_is_known_and_as_it_was_needs_nothing() -> None:
    assert reconciled([folder()], [record()]) == []


def test_old_datasets_can_be_left_alone() -> None:
    watch = WATCH.model_copy(update={"ignore_before": datetime(1980, 1, 1, tzinfo=UTC)})
    assert reconciled([folder()], [], watches=(watch,)) == []


def test_a_renamed_folder_is_reported_and_not_taken_up_anew() -> None:
    problem = problem_of(reconciled([folder("B")], [record("A")]))
    assert problem.kind is ProblemKind.RENAMED
    assert "/data/krios1/B" in problem.said


def test_a_folder_that_is_named_back_goes_on() -> None:
    held = record(problem=Problem(ProblemKind.RENAMED, "the folder seems to be called B now", NOW))
    assert reconciled([folder("A")], [held]) == [Release(1)]


def test_a_removed_folder_is_reported_once() -> None:
    problem = problem_of(reconciled([], [record()]))
    assert problem.kind is ProblemKind.REMOVED
    assert reconciled([], [record(problem=problem)]) == []


def test_a_new_folder_that_got_a_removed_ones_inode_is_a_new_dataset() -> None:
    removed = record(problem=Problem(ProblemKind.REMOVED, GONE, NOW))
    new = folder("B", file=SeenFile("SPA.yml", 5, 5, 5))
    assert reconciled([new], [removed]) == [Adopt(new)]


def test_a_new_folder_that_got_a_removed_ones_inode_before_anybody_looked_is_a_new_dataset() -> None:
    new = folder("B", file=SeenFile("SPA.yml", 5, 5, 7))
    held, adopted = reconciled([new], [record()])
    assert isinstance(held, Hold)
    assert held.problem.kind is ProblemKind.REMOVED
    assert adopted == Adopt(new)


def test_the_metadata_file_of_a_renamed_folder_may_be_edited_there() -> None:
    renamed = record(problem=problem_of(reconciled([folder("B")], [record("A")])))
    assert reconciled([folder("B", file=SeenFile("SPA.yml", 5, 5, 5))], [renamed]) == []


def test_another_folder_that_got_name_and_inode_of_a_removed_one_is_another_folder() -> None:
    removed = record(problem=problem_of(reconciled([], [record()])))
    other = folder(file=SeenFile("SPA.yml", 5, 5, 7))
    problem = problem_of(reconciled([other], [removed]))
    assert problem.kind is ProblemKind.REPLACED
    assert "fs2od datasets accept A" in problem.said
    assert reconciled([other], [record(problem=problem)]) == []
    assert reconciled([folder()], [record(problem=problem)]) == [Release(1)]


def test_another_folder_that_got_name_and_number_between_two_looks_is_another_folder() -> None:
    known = record().found_as(folder(generation=5))
    edited = SeenFile("SPA.yml", 5, 5, 7)
    assert problem_of(reconciled([folder(file=edited, generation=6)], [known])).kind is ProblemKind.REPLACED
    assert reconciled([folder(file=edited, generation=5)], [known]) == []
    assert reconciled([folder(file=edited)], [known]) == [], "where it is not told, the number has to do"
    copied = folder(generation=6)
    assert reconciled([copied], [known]) == [Identify(1, copied)]
    assert known.found_as(copied).other_folder


def test_the_generation_of_a_known_folder_is_written_down_once() -> None:
    told = folder(generation=5)
    assert reconciled([told], [record()]) == [Identify(1, told)]
    known = record().found_as(told)
    assert (known.generation, known.other_folder) == (5, False)
    assert reconciled([told], [known]) == []


def test_a_lost_metadata_file_is_reported() -> None:
    problem = problem_of(reconciled([folder(file=None)], [record()]))
    assert (problem.kind, problem.said) == (ProblemKind.METADATA_LOST, "SPA.yml is gone from the folder: put it back")


def test_another_folder_under_a_known_name_is_reported() -> None:
    other = folder(inode=99, file=SeenFile("SPA.yml", 5, 5, 5))
    assert problem_of(reconciled([other], [record()])).kind is ProblemKind.REPLACED


def test_the_same_folder_on_a_new_mount_is_recognised_by_its_metadata_file() -> None:
    mounted_anew = folder(device=2, inode=50)
    assert reconciled([mounted_anew], [record()]) == [Identify(1, mounted_anew)]


def test_nothing_is_concluded_from_a_root_that_cannot_be_read() -> None:
    assert reconciled([], [record()], missing={ROOT: "Input/output error"}) == []


def test_what_is_complete_need_not_be_watched_any_more_and_of_what_is_not_it_is_said() -> None:
    other = Watch(path=Path("/data/other"))
    assert reconciled([], [replace(record(), phase=Phase.COMPLETE)], watches=(other,)) == []
    problem = problem_of(reconciled([], [record()], watches=(other,)))
    assert problem.kind is ProblemKind.UNWATCHED
    assert "/data/krios1 is not watched any more" in problem.said
    held = record(problem=problem)
    assert reconciled([], [held], watches=(other,)) == []
    assert reconciled([folder()], [held]) == [Release(1)]


def test_what_the_glob_does_not_match_any_more_is_not_said_to_be_gone() -> None:
    narrow = WATCH.model_copy(update={"glob": "2027-*"})
    problem = problem_of(reconciled([], [record()], watches=(narrow,)))
    assert problem.kind is ProblemKind.UNWATCHED
    assert "watch.glob of /data/krios1 does not match it any more" in problem.said


def test_the_same_folder_seen_by_another_watch_is_the_same_dataset() -> None:
    above = Watch(path=Path("/data"), glob="*/*")
    seen = folder("krios1/A", root="/data")
    assert reconciled([seen], [record()], watches=(above,)) == [Identify(1, seen)]
    assert record().found_as(seen).identity == ("/data", "krios1/A")
    assert record().found_as(seen).path == record().path


def test_a_watched_folder_that_was_moved_is_reported_with_each_of_its_datasets() -> None:
    moved = Watch(path=Path("/data/krios2"))
    seen = [folder("A", root="/data/krios2"), folder("New", inode=5, root="/data/krios2")]
    for phase in (Phase.ACQUIRING, Phase.COMPLETE):
        held, adopted = reconciled(seen, [replace(record(), phase=phase)], watches=(moved,))
        assert isinstance(held, Hold)
        assert held.problem.kind is ProblemKind.RENAMED
        assert "/data/krios2/A" in held.problem.said
        assert adopted == Adopt(seen[1])


def test_a_dataset_inside_another_one_is_refused() -> None:
    inner = folder("A/inner", inode=2)
    problem = problem_of(reconciled([folder("A"), inner], [record("A")]))
    assert problem.kind is ProblemKind.NESTED
    assert "/data/krios1/A" in problem.said


def test_a_folder_around_a_dataset_is_no_dataset_whatever_watch_sees_it() -> None:
    outer = folder("A")
    inner = Watch(path=Path("/data/krios1/A"))
    known = record().found_as(folder("inner", root="/data/krios1/A", inode=2))
    seen = [outer, folder("inner", root="/data/krios1/A", inode=2)]
    (adopted,) = reconciled(seen, [known], watches=(WATCH, inner))
    assert isinstance(adopted, Adopt)
    assert adopted.problem is not None
    assert adopted.problem.kind is ProblemKind.NESTED
    assert "/data/krios1/A/inner lies inside it" in adopted.problem.said
    first, second = reconciled(seen, [], watches=(WATCH, inner))
    assert first == Adopt(outer)
    assert isinstance(second, Adopt)
    assert second.problem is not None


def test_of_two_new_ones_the_inner_one_is_the_nested_one() -> None:
    outer, inner = folder("A"), folder("A/inner", inode=2)
    first, second = reconciled([inner, outer], [])
    assert first == Adopt(outer)
    assert isinstance(second, Adopt)
    assert second.problem is not None
    assert second.problem.kind is ProblemKind.NESTED


def test_a_name_that_only_begins_like_another_ones_is_not_nested() -> None:
    other = folder("AB", inode=2)
    assert reconciled([folder("A"), other], [record("A")]) == [Adopt(other)]


def test_a_folder_whose_name_is_not_text_is_reported_under_a_readable_one() -> None:
    odd = folder("grid\udcff")
    (action,) = reconciled([odd], [])
    assert isinstance(action, Adopt)
    assert action.folder.shown == "grid\\xff"
    assert action.problem is not None
    assert action.problem.kind is ProblemKind.NAME


names = st.sampled_from(["A", "B", "C", "A/B", "A/C", "AB"])
folders = st.lists(
    st.builds(folder, names, inode=st.integers(1, 4), file=st.sampled_from([FILE, None, SeenFile("SPA.yml", 5, 5, 5)])),
    unique_by=lambda each: each.relative,
    max_size=5,
)
records = st.lists(names, unique=True, max_size=4).flatmap(
    lambda chosen: st.tuples(*(st.builds(record, st.just(name), inode=st.integers(1, 4), number=st.just(number))
                               for number, name in enumerate(chosen, start=1)))
)  # fmt: skip


@settings(deadline=None)
@given(folders, records)
def test_carried_out_once_there_is_nothing_left_to_decide(seen: list[SeenFolder], known: tuple[Record, ...]) -> None:
    after = {each.id: each for each in known}
    for action in reconciled(seen, list(known)):
        match action:
            case Adopt(new, problem):
                number = len(after) + 1
                adopted = record(new.shown, inode=new.inode, number=number, problem=problem)
                after[number] = replace(adopted, phase=Phase.SEEN, metadata=None)
            case Hold(dataset, problem):
                after[dataset] = replace(after[dataset], problem=problem)
            case Release(dataset):
                after[dataset] = replace(after[dataset], problem=None)
            case Identify(dataset, found):
                after[dataset] = after[dataset].found_as(found)
    again = reconciled(seen, list(after.values()))
    # Once a folder is known to be gone, what has its inode number and other content may be taken up: one more round.
    assert all(isinstance(action, Adopt | Hold) for action in again)


@settings(deadline=None)
@given(folders, records)
def test_each_folder_is_taken_up_at_most_once_and_never_when_it_is_known(
    seen: list[SeenFolder], known: tuple[Record, ...]
) -> None:
    adopted = [action.folder.identity for action in reconciled(seen, list(known)) if isinstance(action, Adopt)]
    assert len(adopted) == len(set(adopted))
    assert not set(adopted) & {each.identity for each in known}


@pytest.mark.parametrize("kind", [ProblemKind.METADATA, ProblemKind.RECIPIENTS])
def test_problems_with_the_files_content_are_not_the_folders_affair(kind: ProblemKind) -> None:
    assert reconciled([folder()], [record(problem=Problem(kind, "x", NOW))]) == []

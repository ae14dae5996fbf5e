"""The tree of a mount: nothing leads out of it, numbers stay, and listings are asked for when they are old."""

from collections.abc import Callable, Iterator

import pytest

from fs2od.mount import Tree
from fs2od.mount._tree import Node
from fs2od.testing.network import HostileShare, asked_for, listed
from fs2od.transfer import NotFound, Patience, SharedDataset, parse_link


@pytest.fixture
def share() -> Iterator[HostileShare]:
    with HostileShare([listed("a", 1), listed("Grids", kind="DIR")]) as found:
        yield found


@pytest.fixture
def dataset(share: HostileShare) -> Iterator[SharedDataset]:
    with SharedDataset(parse_link(share.link), patience=Patience(tries=1)) as found:
        yield found


def names(tree: Tree) -> list[str]:
    return [node.entry.name for node in tree.children(tree.root())]


def test_what_leads_out_is_not_there(share: HostileShare, dataset: SharedDataset) -> None:
    share.items[:] = [
        listed("good", 1),
        *(listed(name, 1) for name in ("..", ".", "", "a/b", "a\0b", "x" * 256)),
        listed("inside", kind="SYMLNK", symlinkValue="good"),
        *(
            listed(f"out{n}", kind="SYMLNK", symlinkValue=to)
            for n, to in enumerate(("/etc/passwd", "../x", "a/../../x"))
        ),
        listed("odd", kind="SYMLNK", symlinkValue="Grids/../good"),
        listed("fifo", kind="FIFO"),
        listed("good", 2),
        listed("unknown size", None),
    ]
    tree = Tree(dataset)
    targets = {node.entry.name: node.entry.target for node in tree.children(tree.root())}
    assert targets == {"good": None, "inside": "good", "odd": "good"}


def test_a_file_keeps_its_number_as_long_as_it_is_the_same(share: HostileShare, dataset: SharedDataset) -> None:
    now = [0.0]
    tree = Tree(dataset, fresh_s=10, clock=lambda: now[0])
    before = {node.entry.name: node.number for node in tree.children(tree.root())}
    share.items[:] = [listed("a", 2, mtime=2000), listed("Grids", kind="DIR", fileId="another"), listed("new", 3)]
    now[0] = 11
    after = {node.entry.name: node for node in tree.children(tree.root())}
    assert after["a"].number == before["a"]
    assert after["a"].entry.size_bytes == 2
    assert after["Grids"].number != before["Grids"]
    assert len({node.number for node in after.values()} | set(before.values())) == 4


def test_a_fresh_listing_is_not_asked_for_again(share: HostileShare, dataset: SharedDataset) -> None:
    now = [0.0]
    tree = Tree(dataset, fresh_s=10, clock=lambda: now[0])

    def listings() -> int:
        return sum("limit" in asked_for(request) for request in share.asked)

    assert tree.known_child(tree.root(), "a") == (False, None)
    assert tree.child(tree.root(), "a") is not None
    assert tree.child(tree.root(), "nothing") is None
    assert tree.known_child(tree.root(), "nothing") == (True, None)
    assert listings() == 1
    now[0] = 10.5
    names(tree)
    assert listings() == 2
    tree.forget(tree.root().number)
    names(tree)
    assert listings() == 3


def test_a_share_that_is_one_file_is_a_folder_with_it(share: HostileShare, dataset: SharedDataset) -> None:
    share.items[:] = [listed("movie.mrc", 5, fileId="root")]
    tree = Tree(dataset)
    assert names(tree) == ["movie.mrc"]


def test_what_is_no_folder_has_no_children(dataset: SharedDataset) -> None:
    tree = Tree(dataset)
    file = tree.child(tree.root(), "a")
    assert file is not None
    with pytest.raises(NotFound):
        tree.children(file)
    with pytest.raises(NotFound):
        tree.node(10_000)


class Later:
    """Keeps what is to be done aside until it is asked for; and a clock that stands still."""

    def __init__(self, dataset: SharedDataset) -> None:
        self.now_s = 0.0
        self.waiting: list[Callable[[], None]] = []
        self.tree = Tree(dataset, fresh_s=10, clock=lambda: self.now_s, aside=self.waiting.append)

    def do(self) -> None:
        while self.waiting:
            self.waiting.pop()()


def test_a_folder_in_use_is_listed_anew_aside_before_its_listing_is_too_old(
    share: HostileShare, dataset: SharedDataset
) -> None:
    later = Later(dataset)
    assert names(later.tree) == ["a", "Grids"]
    share.items.append(listed("new", 3))
    later.now_s = 7
    assert names(later.tree) == ["a", "Grids"]
    assert not later.waiting
    later.now_s = 9
    assert names(later.tree) == ["a", "Grids"]
    assert later.tree.known_child(later.tree.root(), "new") == (True, None)
    assert len(later.waiting) == 1, "one lists it"
    later.do()
    assert names(later.tree) == ["a", "Grids", "new"]
    later.now_s = 18.5
    assert later.tree.known_child(later.tree.root(), "new")[0], "it is as old as its listing, not as what was before"


def test_what_is_too_old_is_not_shown_and_a_listing_aside_that_fails_is_made_again(
    share: HostileShare, dataset: SharedDataset
) -> None:
    later = Later(dataset)
    names(later.tree)
    kept, share.items[:] = [*share.items], [{"no": "entry"}]
    later.now_s = 9
    names(later.tree)
    later.do()
    assert names(later.tree) == ["a", "Grids"]
    assert not later.waiting, "it is tried once"
    share.items[:] = [*kept, listed("new", 3)]
    later.now_s = 10.5
    assert names(later.tree) == ["a", "Grids", "new"]


def test_what_has_vanished_is_forgotten_once_nobody_holds_it(share: HostileShare, dataset: SharedDataset) -> None:
    now = [0.0]
    tree, before = Tree(dataset, fresh_s=10, clock=lambda: now[0]), list[Node]()
    for turn in range(3):
        share.items[:] = [listed(f"{turn}-{number}", 1) for number in range(50)]
        now[0] += 11
        before = tree.children(tree.root())
        tree.hold(before[7])
        tree.hold(before[7])
    share.items[:] = [listed("left", 1)]
    now[0] += 11
    (left,) = tree.children(tree.root())
    assert tree.node(before[7].number) is before[7]
    with pytest.raises(NotFound):
        tree.node(before[8].number)
    tree.let_go(before[7].number)
    assert tree.node(before[7].number) is before[7]
    tree.let_go(before[7].number)
    with pytest.raises(NotFound):
        tree.node(before[7].number)
    tree.hold(left)
    tree.let_go(left.number, 5)
    assert tree.node(left.number) is left, "what is listed stays"
    tree.hold(before[7])
    assert tree.node(before[7].number) is before[7], "who is told a number just now has it"
    assert left.number not in {node.number for node in before}


def test_a_folder_stays_as_long_as_something_in_it_is_held(dataset: SharedDataset) -> None:
    tree = Tree(dataset)
    folder = tree.child(tree.root(), "Grids")
    assert folder is not None
    inside, other = tree.children(folder)
    tree.hold(inside)
    tree.drop(folder)
    assert tree.node(folder.number) is folder
    with pytest.raises(NotFound):
        tree.node(other.number)
    tree.let_go(inside.number)
    for node in (inside, folder):
        with pytest.raises(NotFound):
            tree.node(node.number)

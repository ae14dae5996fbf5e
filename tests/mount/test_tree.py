"""The tree of a mount: nothing leads out of it, numbers stay, and listings are asked for when they are old."""

from collections.abc import Iterator

import pytest

from fs2od.mount import Tree
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
        listed("fifo", kind="FIFO"),
        listed("good", 2),
        listed("unknown size", None),
    ]
    assert names(Tree(dataset)) == ["good", "inside"]


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

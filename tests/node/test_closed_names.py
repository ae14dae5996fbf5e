"""Names that public links never show, from the moment in which a scan registers them, or a later one learns of them."""

from __future__ import annotations

import threading
from collections.abc import Set as AbstractSet
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from tests.node.scan_scene import RULES, SPACE, Clock, indexes, world

from fs2od.manifests import resembles
from fs2od.node.index import Indexes, SpaceIndex
from fs2od.node.index.closing import close_earlier, closed_files
from fs2od.node.panel.scanning import Counts, scan
from fs2od.storage import PosixStorage

__all__ = ["indexes", "world"]


def modes_after(index: SpaceIndex, tree: Path, number: int, closed: set[str]) -> dict[str, int]:
    rules = replace(RULES, closed_names=frozenset(closed))
    scan(
        index, PosixStorage(tree), number=number, rules=rules, counts=Counts(), stop=threading.Event(), clock=Clock()
    )  # fmt: skip
    with index.database.reading() as db:
        files = db.execute("SELECT id, name, mode FROM entry WHERE kind = 'REG'").fetchall()
    return {index.path(entry): row["mode"] for row in files if (entry := index.get(row["id"])) is not None}


def test_files_of_closed_names_and_what_editors_leave_are_registered_without_rights_for_others(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    closed = {"SPA.yml", "SPA.yml~", ".SPA.yml.swp", "#spa.yml#", "below/SPA.yml", "below/copy of Spa.YML.bak"}
    for path in (*closed, "a.mrc", "SPA-yml.txt", *(f"{number}.mrc" for number in range(1_500))):
        (tree / path).write_text("x")
    indexes = Indexes(tmp_path / "state", limit=1)
    with indexes.using(SPACE) as index:
        first = modes_after(index, tree, 1, {"SPA.yml"})
        assert {path for path, mode in first.items() if mode == 0o660} == closed
        assert {mode for path, mode in first.items() if path not in closed} == {0o664}
        assert len(first) == 1_508
        (tree / "SPA.yml").unlink()
        assert "SPA.yml" not in modes_after(index, tree, 2, {"SPA.yml"})
        (tree / "SPA.yml").write_text("secret")
        assert modes_after(index, tree, 3, {"SPA.yml"})["SPA.yml"] == 0o660
    indexes.close()


def test_what_was_registered_before_its_name_was_closed_is_closed_by_the_next_scan(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "below").mkdir(parents=True)
    for path in ("SPA.yml", "below/SPA.yml~", "a.mrc"):
        (tree / path).write_text("x")
    indexes = Indexes(tmp_path / "state", limit=1)
    with indexes.using(SPACE) as index:
        assert set(modes_after(index, tree, 1, set()).values()) == {0o664}
        expected = {"SPA.yml": 0o660, "below/SPA.yml~": 0o660, "a.mrc": 0o664}
        assert modes_after(index, tree, 2, {"SPA.yml"}) == expected
        assert [entry.name for entry in closed_files(index, {"SPA.yml"})] == ["SPA.yml", "SPA.yml~"]
    indexes.close()


def test_two_at_once_close_earlier_names_without_a_quarrel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "SPA.yml~").write_text("x")
    together = threading.Barrier(2, timeout=60)

    def judged(name: str, names: AbstractSet[str]) -> bool:
        together.wait()
        return resembles(name, names)

    indexes = Indexes(tmp_path / "state", limit=1)
    with indexes.using(SPACE) as index, ThreadPoolExecutor(2) as both:
        assert modes_after(index, tmp_path / "tree", 1, set()) == {"SPA.yml~": 0o664}
        monkeypatch.setattr("fs2od.node.index.closing.resembles", judged)
        for done in [both.submit(close_earlier, index, {"SPA.yml"}) for _ in range(2)]:
            done.result()
        assert [entry.mode for entry in index.children(1, limit=9)] == [0o660]
    indexes.close()

"""A clock that ran a day ahead and is set back: the node puts nothing off by as long as that was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.node.account_scene import Scene, open_scene

from fs2od.node.provider.silences import Silences
from fs2od.node.replication.targets import Target
from fs2od.node.zone.accounts import AskedTooOften
from fs2od.onedata.ids import StorageId


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with open_scene(tmp_path) as opened:
        opened.clock.pass_by(days=1)
        yield opened


def test_whoever_asked_often_may_ask_again(scene: Scene) -> None:
    for number in range(10):
        scene.ask(f"{number}@example.org")
    with pytest.raises(AskedTooOften):
        scene.ask()
    scene.clock.pass_by(days=-1)
    assert scene.ask()


def test_links_are_counted_and_their_ends_told(scene: Scene) -> None:
    rules = scene.zone.link_rules
    assert rules.is_look_due()
    assert rules.write_down_if_due()
    assert not rules.is_look_due()
    assert not rules.write_down_if_due()
    scene.clock.pass_by(days=-1)
    assert rules.is_look_due()
    assert rules.write_down_if_due()
    assert not rules.write_down_if_due()


def test_storages_that_were_silent_are_tried(scene: Scene) -> None:
    silences, storage, target = Silences(scene.clock), StorageId("s"), Target()
    silences.silent(storage)
    target.leave_alone(scene.clock.now_s())
    assert not silences.may_try(storage)
    assert target.is_left_alone(scene.clock.now_s())
    scene.clock.pass_by(days=-1)
    assert silences.may_try(storage)
    assert not silences.may_try(storage), "one tries, the others wait"
    assert not target.is_left_alone(scene.clock.now_s())

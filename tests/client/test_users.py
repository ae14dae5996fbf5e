"""Adding, listing and blocking people, against a real node in process."""

import pytest
from tests.client.conftest import Clients, Speak

from fs2od.client import Onepanel
from fs2od.onedata import errors
from fs2od.testing.world import World


async def test_an_administrator_adds_lists_and_blocks_people(world: World, admin: Clients) -> None:
    panel = Onepanel(admin.connection, world.node.settings.zone_url)
    group = world.group(world.administrator)
    alex = await panel.users.add("alex", full_name="Alex Example", groups=[group], emails=["Alex@example.org"])
    assert set(await admin.zone.users.list()) == {world.administrator.id, alex}
    seen = await admin.zone.users.get(alex)
    assert (seen.full_name, seen.username, seen.emails, seen.blocked) == (
        "Alex Example",
        "alex",
        ("Alex@example.org",),
        False,
    )
    assert seen.linked_accounts == ({"idp": "mail", "subjectId": "alex@example.org"},)
    assert await admin.zone.groups.users(group) == tuple(sorted([world.administrator.id, alex]))
    await admin.zone.users.block(alex)
    assert (await admin.zone.users.get(alex)).blocked
    await admin.zone.users.block(alex, blocked=False)
    with pytest.raises(errors.Conflict):
        await panel.users.add("other", emails=["alex@EXAMPLE.org"])
    with pytest.raises(errors.Conflict):
        await panel.users.add("alex")


async def test_others_may_not_add_people(world: World, speak: Speak) -> None:
    alex = speak(world.person())
    with pytest.raises(errors.Forbidden):
        await Onepanel(alex.connection, world.node.settings.zone_url).users.add("somebody")

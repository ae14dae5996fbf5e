"""Results on the page of their dataset, for those who belong to both."""

from __future__ import annotations

import json
from pathlib import Path

from tests.portal.members_scene import open_members_scene


async def test_members_of_both_see_the_results_of_a_dataset(tmp_path: Path) -> None:
    with open_members_scene(tmp_path) as scene:
        run, other = scene.world.results(scene.mary, name="run (3)"), scene.world.results(scene.olive, name="others")
        for results in (run.space, other.space):
            scene.zone.provenance.note(results, {"prov:wasDerivedFrom": [{"space": scene.space}]})
        mary, guest = scene.browser(scene.mary), scene.browser(None)
        twin = json.loads(await mary.open(f"{scene.base}.json", accept="application/json"))
        assert [(each["space"], each["name"]) for each in twin["results"]] == [(run.space, "run (3)")]
        page = await mary.open(scene.base)
        assert f'<a href="/space/{run.space}"><bdi>run (3)</bdi></a>' in page
        assert "others" not in page
        share = scene.zone.shares.create(scene.olive.caller, scene.provider_root(scene.space), "dir", "all of it").id
        assert "run (3)" in await mary.open(f"/share/{share}")
        assert "run (3)" not in await guest.open(f"/share/{share}")
        mary.client.headers["Accept-Language"] = "cs"
        assert "Výsledky, které" in await mary.open(f"/share/{share}")

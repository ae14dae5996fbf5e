"""Results on the page of their dataset, for those who belong to both: from a job's token to their own link."""

from __future__ import annotations

import html
import json
import re
from datetime import timedelta
from pathlib import Path

import httpx
from tests.portal.members_scene import Scene, open_members_scene

from fs2od.client import Connection
from fs2od.node.zone.offers import Offer
from fs2od.onedata.tokens import Token
from fs2od.results import Options, Put, find_origin, find_target, gather, record_origin

TOKEN = re.compile(r'aria-label="Token" data-copy><code>([A-Za-z0-9]+)</code>')


async def put_like_a_job(scene: Scene, token: Token, space: str, files: dict[str, bytes]) -> None:
    """Do what `fs2od put FILES SPACE --from-dataset DATASET` does."""
    home = scene.world.folder / "job"
    home.mkdir()
    for name, content in files.items():
        (home / name).write_bytes(content)
    zone = scene.world.node.settings.zone_url
    async with Connection(token=token, transport=scene.world.zone._transport) as connection:
        target = await find_target(connection, zone, token, space, "run 1")
        report = await Put(gather([home / name for name in files]), target, Options()).run()
        assert report.exit_code == 0
        await record_origin(target, await find_origin(connection, zone, token, scene.space))


async def test_what_a_job_puts_is_listed_with_its_dataset_and_shared_like_any_other(tmp_path: Path) -> None:
    with open_members_scene(tmp_path) as scene:
        site, disk = scene.world.site("centre").node_provider, tmp_path / "disk"
        disk.mkdir()
        storage = site.storages.add_posix("results", str(disk))
        scene.zone.offers.set(scene.world.administrator.caller, site.record.id, Offer(True, 10**13, "", storage))
        olive, guest, compute = scene.browser(scene.olive), scene.browser(None), f"{scene.base}/compute"
        await olive.open(compute)
        page = await olive.press(f"{compute}/job", {"name": "job", "hours": "72", "results": site.record.id})
        (text,), (space,) = TOKEN.findall(page), re.findall(r'own: <a href="/space/([0-9a-h]+)"', page)
        assert f"fs2od put results {space} " in page
        await put_like_a_job(scene, Token(text), space, {"map.mrc": b"density"})
        assert f'<a href="/space/{space}">' in await olive.open(scene.base)
        assert "Results made from it" not in await scene.browser(scene.mary).open(scene.base)
        page = html.unescape(await olive.open(f"/space/{space}"))
        assert "7 B" in page
        assert "Invite somebody" in await olive.open(f"/space/{space}/people")
        await olive.open(f"/space/{space}/links/new?path=run%201")
        await olive.press(f"/space/{space}/links/new", {"name": "our maps", "audience": "public"})
        assert olive.status == 303, olive.page
        twin = json.loads(await olive.open(f"/space/{space}/links.json"))
        (link,) = twin["links"]
        assert "map.mrc" in await guest.open(httpx.URL(link["url"]).path)


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


async def test_whom_results_belong_to_removes_them_with_their_data(tmp_path: Path) -> None:
    with open_members_scene(tmp_path) as scene:
        site, disk = scene.world.site("centre").node_provider, tmp_path / "disk"
        disk.mkdir()
        storage = site.storages.add_posix("results", str(disk))
        scene.zone.offers.set(scene.world.administrator.caller, site.record.id, Offer(results_storage=storage))
        space = scene.zone.results.make(scene.olive.caller, scene.space, site.record.id)
        scene.world.join_space(space, scene.mary, {"space_view", "space_read_data"})
        (disk / space).mkdir()
        (disk / space / "map.mrc").write_bytes(b"density")
        olive, mary, base = scene.browser(scene.olive), scene.browser(scene.mary), f"/space/{space}"
        assert "Remove the results" not in await mary.open(f"{base}/people")
        await mary.open(f"{base}/remove")
        assert mary.status == 403
        # A dataset is nothing to be removed here, whoever owns it.
        assert "Remove the results" not in await olive.open(f"{scene.base}/people")
        await olive.open(f"{scene.base}/remove")
        assert olive.status == 403
        assert f'href="{base}/remove"' in await olive.open(f"{base}/people")
        assert "Nobody can bring them back" in await olive.open(f"{base}/remove")
        await olive.press(f"{base}/remove")
        assert (olive.status, olive.place) == (303, "/datasets")
        assert space not in scene.zone.rights.effective_spaces(scene.olive.id)
        scene.clock.moment += timedelta(seconds=90)
        scene.world.node.sites.emptying.go_on()
        assert list(disk.iterdir()) == []

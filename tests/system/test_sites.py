"""Sites of a running node: configured, certified, at the addresses that they ask for, and kept over a restart."""

from __future__ import annotations

from pathlib import Path

from fs2od.testing.ports import free_ports
from fs2od.testing.system import System


def test_a_configured_site_answers_at_its_own_address_and_is_the_same_after_a_restart(tmp_path: Path) -> None:
    first = free_ports(5)
    file = tmp_path / "fs2od.toml"
    file.write_text(
        f'[[site]]\nname = "chosen"\nport = {first + 4}\nhost = "127.0.0.1"\n[[site]]\nname = "next free"\n'
    )
    with System(tmp_path, port=first) as system:
        found: list[list[str]] = []
        for _ in range(2):
            facts = system.start_node("--config", str(file))
            assert facts["sites"] == {
                "chosen": f"https://127.0.0.1:{first + 4}",
                "next free": f"https://localhost:{first + 3}",
            }
            with system.http(administrator=True) as http:
                urls = facts["sites"].values()
                found.append([http.get(f"{url}/api/v3/oneprovider/configuration").json()["providerId"] for url in urls])
                panels = [http.get(f"{url}/api/v3/onepanel/provider/storages").status_code for url in urls]
            assert panels == [200, 200]
            system.stop()
        assert found[0] == found[1]

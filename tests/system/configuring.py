"""The configuration before the first start: what has to be set in it costs no start of its own."""

from __future__ import annotations

from pathlib import Path

from fs2od.cli.first_configuration import ensure_configuration
from fs2od.testing.system import System


def configured(system: System) -> Path:
    """Write the configuration as the first start would, and return its path."""
    node, path = system.data / "node", system.data / "fs2od.toml"
    system.data.mkdir(mode=0o700)
    facts = {
        "zone": f"https://localhost:{system.port}",
        "provider": f"https://localhost:{system.port + 1}",
        "ca": str(node / "tls" / "ca.pem"),
        "admin_token_file": str(node / "admin.token"),
    }
    ensure_configuration(path, node=facts, watch=[system.watched])
    return path

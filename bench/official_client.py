"""Bring a space to a folder with Onedata's own Python client, file after file; for `bench.mirrors`, in its environment.

Usage: official_client.py ZONE_HOST SPACE FOLDER CA, the token on standard input.
"""

import sys
from pathlib import Path

from onedatafilerestclient import OnedataFileRESTClient  # type: ignore[import-not-found]  # lives in .venv-witness

_BLOCK = 1 << 20


def main() -> None:
    zone, space, folder, ca = sys.argv[1:]
    client = OnedataFileRESTClient(zone, sys.stdin.read().strip(), verify_ssl=ca)
    bring(client, space, "", Path(folder))


def bring(client: OnedataFileRESTClient, space: str, path: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    token = None
    while True:
        page = client.list_children(
            space, file_path=path, attributes=["name", "type"], limit=1000, continuation_token=token
        )
        for child in page["children"]:
            below = f"{path}/{child['name']}".lstrip("/")
            if child["type"] == "DIR":
                bring(client, space, below, folder / child["name"])
                continue
            with (folder / child["name"]).open("wb") as file:
                for block in client.iter_file_content(space, file_path=below, chunk_size=_BLOCK):
                    file.write(block)
        if page["isLast"]:
            return
        token = page["nextPageToken"]


main()

"""Read all of a space through one provider with fs.onedatarestfs; told on standard input, answers as JSON."""

import hashlib
import json
import sys
from urllib.parse import urlsplit

import requests
from fs.onedatarestfs import OnedataRESTFS  # type: ignore[import-not-found]  # lives in .venv-witness

ASKED: set[str] = set()


class Adapter(requests.adapters.HTTPAdapter):
    """Notes who is asked."""

    def add_headers(self, request: requests.PreparedRequest, **_: object) -> None:
        """Note who is asked; that headers may be added here is all that this is for."""
        ASKED.add(urlsplit(request.url or "").netloc)


def main() -> None:
    told = json.load(sys.stdin)
    requests.sessions.HTTPAdapter = Adapter
    tree = OnedataRESTFS(
        told["zone"], told["token"], told["space"], preferred_oneproviders=[told["provider"]], verify_ssl=told["ca"]
    )
    saw = {
        "files": {path: hashlib.sha256(tree.readbytes(path)).hexdigest() for path in tree.walk.files("/")},
        "sizes": {path: tree.getsize(path) for path in tree.walk.files("/")},
        "folders": sorted(tree.walk.dirs("/")),
        "asked": sorted(ASKED),
    }
    json.dump(saw, sys.stdout)


main()

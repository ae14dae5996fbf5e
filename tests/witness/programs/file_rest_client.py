"""Ask a zone with every reading method of onedatafilerestclient; told on standard input, answers as JSON."""

import json
import sys
from collections.abc import Callable

from onedatafilerestclient import OnedataFileRESTClient  # type: ignore[import-not-found]  # lives in .venv-witness
from onedatafilerestclient.errors import OnedataError  # type: ignore[import-not-found]  # lives in .venv-witness


def refusal(call: Callable[[], object]) -> list[str]:
    try:
        call()
    except OnedataError as error:
        return [type(error).__name__, str(error)]
    return ["nothing was refused"]


def listed(client: OnedataFileRESTClient, space: str, limit: int) -> list[str]:
    names: list[str] = []
    token = None
    while True:
        page = client.list_children(space, file_path="many", limit=limit, continuation_token=token)
        names += [child["name"] for child in page["children"]]
        if page["isLast"]:
            return names
        token = page["nextPageToken"]


def main() -> None:
    told = json.load(sys.stdin)
    space, path = told["space"], told["path"]

    def connect(token: str) -> OnedataFileRESTClient:
        return OnedataFileRESTClient(told["zone"], token, verify_ssl=told["ca"])

    client = connect(told["token"])
    file_id = client.get_file_id(space, file_path=path)
    saw = {
        "scope": client.get_token_scope(),
        "spaces": client.list_spaces(),
        "space_id": client.get_space_id(space),
        "root_id": client.get_file_id(space),
        "file_id": file_id,
        "default": client.get_attributes(space, file_path=path),
        "root": client.get_attributes(space),
        "every": client.get_attributes(space, attributes=told["attributes"], file_id=file_id),
        "xattrs": client.get_extended_attribute(space, file_path=path),
        "json": client.get_json_metadata(space, file_path=path),
        "rdf": client.get_rdf_metadata(space, file_path=path),
        "whole": client.get_file_content(space, file_path=path).decode(),
        "part": client.get_file_content(space, offset=2, size=3, file_id=file_id).decode(),
        "chunks": [chunk.decode() for chunk in client.iter_file_content(space, file_path=path, chunk_size=4)],
        "children": client.list_children(space),
        "pages": [listed(client, space, limit) for limit in (1, 2, 5, 1000)],
        "by_full_name": client.get_space_id(f"{space}@{client.get_space_id(space)}"),
        "is_equal": client == connect(told["token"]) and hash(client) == hash(connect(told["token"])),
        "missing": refusal(lambda: client.get_attributes(space, file_path="no/such")),
        "not_a_directory": refusal(lambda: client.get_file_id(space, file_path=f"{path}/below")),
        "past_the_end": refusal(lambda: client.get_file_content(space, offset=100, size=1, file_id=file_id)),
        "unknown_space": refusal(lambda: client.get_space_id("nowhere")),
        "hidden": refusal(lambda: client.get_file_content(space, file_path="hidden.txt")),
        "write": refusal(lambda: client.put_file_content(space, b"x", file_path=path)),
        "readonly_token": refusal(lambda: connect(told["readonly"]).put_file_content(space, b"x", file_path=path)),
        "bad_token": refusal(lambda: connect("MDAxbad").list_spaces()),
    }
    json.dump(saw, sys.stdout)


main()

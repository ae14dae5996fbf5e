"""Write to a space with every writing method of onedatafilerestclient; told on standard input, answers as JSON."""

import json
import sys
from collections.abc import Callable

from onedatafilerestclient import OnedataFileRESTClient  # type: ignore[import-not-found]  # lives in .venv-witness
from onedatafilerestclient.errors import OnedataError  # type: ignore[import-not-found]  # lives in .venv-witness


def refusal(call: Callable[[], object]) -> str:
    """Return what a call is refused with."""
    try:
        call()
    except OnedataError as error:
        return str(error)
    return "nothing was refused"


def main() -> None:
    """Write, and print what was seen."""
    told = json.load(sys.stdin)
    space = told["space"]
    client = OnedataFileRESTClient(told["zone"], told["token"], verify_ssl=told["ca"])
    file = client.create_file(space, "a/b/é (1).txt", create_parents=True, mode=0o660)
    client.put_file_content(space, b"0123456789", file_id=file)
    client.put_file_content(space, b"abc", offset=2, file_path="a/b/é (1).txt")
    client.set_extended_attribute(space, {"key": "value"}, file_id=file)
    client.set_json_metadata(space, {"a": 1}, file_id=file)
    client.set_rdf_metadata(space, "<rdf/>", file_id=file)
    folder = client.create_file(space, "c", file_type="DIR")
    client.move(space, "a/b/é (1).txt", space, "c/moved.txt")
    client.move(space, "a", space, "c/a")
    client.set_attributes(space, {"mode": "0771"}, file_id=folder)
    saw = {
        "content": client.get_file_content(space, file_path="c/moved.txt").decode(),
        "is_same": client.get_file_id(space, file_path="c/moved.txt") == file,
        "mode": client.get_attributes(space, attributes=["posixPermissions"], file_id=file)["posixPermissions"],
        "folder_mode": client.get_attributes(space, attributes=["posixPermissions"], file_id=folder),
        "xattrs": client.get_extended_attribute(space, file_id=file),
        "json": client.get_json_metadata(space, file_id=file),
        "rdf": client.get_rdf_metadata(space, file_id=file),
    }
    client.create_file(space, "top")
    saw["taken"] = refusal(lambda: client.create_file(space, "top"))
    saw["no_parent"] = refusal(lambda: client.create_file(space, "none/x"))
    saw["full"] = refusal(lambda: client.put_file_content(space, bytes(2_000_000), file_path="top"))
    client.set_attributes(space, {"mode": "0775"}, file_id=folder)
    client.remove(space, file_path="c")
    saw["left"] = [child["name"] for child in client.list_children(space, file_path="")["children"]]
    sys.stdout.write(json.dumps(saw))


main()

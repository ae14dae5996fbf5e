"""Walk a zone with every reading method of fs.onedatarestfs; told on standard input, answers as JSON."""

import json
import sys
from collections.abc import Callable
from typing import Any

import fs.errors  # type: ignore[import-not-found]  # lives in .venv-witness
from fs.onedatarestfs import OnedataRESTFS  # type: ignore[import-not-found]  # lives in .venv-witness


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except fs.errors.FSError as error:
        return type(error).__name__
    return "nothing was refused"


def reading(tree: OnedataRESTFS, path: str) -> dict[str, Any]:
    with tree.openbin(path, "r") as file:
        buffer = bytearray(3)
        saw = {
            "readable": file.readable(),
            "writable": file.writable(),
            "seekable": file.seekable(),
            "line": file.readline().decode(),
            "tell": file.tell(),
            "into": file.readinto(buffer),
            "buffer": buffer.decode(),
            "at_start": file.seek(0),
            "lines": [line.decode() for line in file.readlines()],
            "near_the_end": file.seek(-2, 2),
            "tail": file.read().decode(),
            "past": file.read(10).decode(),
        }
        file.seek(1)
        file.seek(2, 1)
        saw["three_on"] = file.read(1).decode()
    return saw


def main() -> None:
    told = json.load(sys.stdin)
    space, path = told["space"], told["path"]
    whole = OnedataRESTFS(told["zone"], told["token"], verify_ssl=told["ca"])
    tree = OnedataRESTFS(told["zone"], told["token"], space=space, verify_ssl=told["ca"])
    many = [[info.name for info in tree.scandir("many", page=page)] for page in (None, (0, 2), (2, 4), (4, 9), (9, 12))]
    saw = {
        "spaces": whole.listdir("/"),
        "space_infos": [info.raw for info in whole.scandir("/")],
        "through_root": whole.readbytes(f"{space}/{path}").decode(),
        "root": tree.listdir("/"),
        "info": tree.getinfo(path, namespaces=["details", "access"]).raw,
        "directory": tree.getinfo("many").raw,
        "many": many,
        "exists": [tree.exists(path), tree.exists("no/such"), tree.exists(f"{path}/below")],
        "kinds": [tree.isfile(path), tree.isdir("many"), tree.isempty("many")],
        "size": tree.getsize(path),
        "types": [int(tree.gettype(name)) for name in ("many", path, "link")],
        "text": tree.readtext(path),
        "hash": tree.hash(path, "sha256"),
        "walk": sorted(tree.walk.files("/")),
        "tree": sorted(info.name for _, info in tree.walk.info("/many")),
        "glob": sorted(match.path for match in tree.glob("many/*.txt")),
        "sub": tree.opendir("many").listdir("/"),
        "reading": reading(tree, path),
        "missing": refusal(lambda: tree.getinfo("no/such")),
        "directory_expected": refusal(lambda: tree.listdir(path)),
        "file_expected": refusal(lambda: tree.openbin("many", "r")),
        "hidden": refusal(lambda: tree.readbytes("hidden.txt")),
    }
    json.dump(saw, sys.stdout)


main()

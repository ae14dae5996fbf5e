"""The configuration that `fs2od up` writes at its first start."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fs2od.errors import StorageMissing

__all__ = ["ensure_configuration", "first_configuration"]

_TEXT = """\
# fs2od's configuration, written at the first start and yours from then on.
# All keys: docs/reference/configuration.md, or `fs2od config example`. Check it: `fs2od config check FILE`.

[onedata]
# The node's own addresses and files, which `fs2od up` knows better and says itself.
zone = {zone}
provider = {provider}
ca_file = {ca}
token_file = {token_file}
provision = true

[facility]
name = "Cryo-EM facility"
contact = "fs2od@localhost.localdomain"
instrument = "the microscope"

[mail]
# "folder" writes .eml files into the outbox; for real mail see docs/how-to/send-mail-by-smtp.md.
sender = "Cryo-EM facility <fs2od@localhost.localdomain>"
transport = "folder"
"""
_WATCH = """
[[watch]]
path = {path}
"""


@contextmanager
def first_configuration(path: Path, *, node: dict[str, str], watch: Sequence[Path]) -> Iterator[None]:
    """Write the configuration file if there is none yet; if the block fails, it is taken back.

    So a first start that fails fixes nothing: the next one may name another folder.

    Raises:
        StorageMissing: It cannot be written.
    """
    is_ours = ensure_configuration(path, node=node, watch=watch)
    try:
        yield
    except BaseException:
        if is_ours:
            path.unlink(missing_ok=True)
        raise


def ensure_configuration(path: Path, *, node: dict[str, str], watch: Sequence[Path]) -> bool:
    """Write the configuration file if there is none yet; `False`: there was one.

    Raises:
        StorageMissing: It cannot be written.
    """
    if path.exists():
        return False
    text = _TEXT.format(
        zone=json.dumps(node["zone"]),
        provider=json.dumps(node["provider"]),
        ca=json.dumps(node["ca"]),
        token_file=json.dumps(node["admin_token_file"]),
    )
    text += "".join(_WATCH.format(path=json.dumps(str(each))) for each in watch)
    partial = path.with_name(f"{path.name}.partial")
    try:
        partial.write_text(text)
        partial.replace(path)
    except OSError as error:
        raise StorageMissing(f"{path} cannot be written ({error.strerror}): check the folder and its rights") from error
    return True

"""What a file in a space holds, as a checksum says it."""

from __future__ import annotations

import asyncio
import hashlib

from fs2od.onedata.ids import FileId
from fs2od.results._target import Target

__all__ = ["digest_there"]

_PAUSE_S = 0.5


async def digest_there(target: Target, file: FileId, size_bytes: int) -> str:
    """Return the SHA-256 of a file in a target's space: as our own node knows or computes it, or by reading it back.

    Raises:
        PosixError: enoent: it does not exist; eacces: it may not be read.
    """
    files, digest = target.provider.files, hashlib.sha256()
    while target.is_ours:
        known = await files.checksum(file)
        if known.status != "computing":
            if isinstance(known.sha256, str):
                return known.sha256
            break
        await asyncio.sleep(_PAUSE_S)
    if size_bytes:
        async with files.content(file) as content:
            async for chunk in content:
                digest.update(chunk)
    return digest.hexdigest()

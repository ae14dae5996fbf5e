"""Archives: everything below a share, or a choice of it, as one TAR or ZIP whose every byte has its place.

The routes stand in `routes`, over the assembled provider.
"""

from fs2od.node.provider.archives.directory import tar_stream
from fs2od.node.provider.archives.headers import header
from fs2od.node.provider.archives.service import Archives, StateGone

__all__ = ["Archives", "StateGone", "header", "tar_stream"]

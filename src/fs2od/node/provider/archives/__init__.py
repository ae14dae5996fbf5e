"""Archives: everything below a share, or a choice of it, as one TAR or ZIP whose every byte has its place."""

from fs2od.node.provider.archives.bulk import bulk_stream
from fs2od.node.provider.archives.directory import tar_stream
from fs2od.node.provider.archives.headers import header

__all__ = ["bulk_stream", "header", "tar_stream"]

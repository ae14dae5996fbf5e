"""A bucket of any S3-compatible store as a storage. Imported by its own name: its library takes a moment to load."""

from fs2od.storage.s3._bucket import S3Settings, client_of
from fs2od.storage.s3._storage import S3Storage

__all__ = ["S3Settings", "S3Storage", "client_of"]

"""One bucket and the library that speaks to it: settings, connections, and the one place that tries again."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from functools import cache
from typing import Any, cast

import botocore.session
from botocore.config import Config

from fs2od.storage.s3._answers import judge_answers
from fs2od.storage.s3._public import confine

__all__ = ["S3Settings", "client_of"]

_CONNECTIONS = 32


@dataclass(frozen=True)
class S3Settings:
    """Where a bucket is and how it is reached.

    Attributes:
        endpoint: The store's address, with http or https.
        bucket: The bucket's name. It must be there.
        access_key: The name of the credentials.
        secret_key: Their secret.
        prefix: What all keys begin with, without "/" at its ends; what else lies in the bucket is left alone.
        region: What requests are signed for. Most stores besides Amazon's take any.
        path_style: Whether the bucket stands in the path (true for nearly all stores besides Amazon's) or in the host.
        ca_pem: Certificates (PEM) of who may have signed the store's certificate, where it is none of the public authorities.
        only_public: Whether it is reached at public addresses only, for somebody named it who may not send this machine anywhere else.
        connect_timeout_s: How long a connection may take.
        read_timeout_s: How long the store may be silent.
        attempts: How often a request is made in all while the store is busy or away, before `StorageBusy` is raised.
    """

    endpoint: str
    bucket: str
    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    prefix: str = ""
    region: str = "us-east-1"
    path_style: bool = True
    ca_pem: str = field(default="", repr=False)
    only_public: bool = False
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0
    attempts: int = 4

    @property
    def shown(self) -> str:
        """What people are told of it."""
        return f"the bucket {self.bucket!r} at {self.endpoint}"


_making = threading.Lock()


@cache
def _file_of(pem: str) -> str:
    """Return the name of a file with these certificates, which the library opens for each connection.

    It is in memory, so that nobody clears it away while the process runs; there are as few as there are authorities.
    """
    handle = os.memfd_create("store authorities")
    os.write(handle, pem.encode())
    return f"/proc/self/fd/{handle}"


@cache
def _session() -> Any:  # noqa: ANN401 - the library has no types
    """Return the one that all clients are made by: it holds what it read of the service's description.

    Nothing comes from the environment or the home of whoever runs us.
    """
    session = botocore.session.Session()
    for source in ("config_file", "credentials_file", "ca_bundle", "profile"):
        session.set_config_variable(source, None)
    session.set_config_variable("ignore_configured_endpoint_urls", True)
    return session


def _stay(params: dict[str, Any], **_: object) -> None:
    """Let the library ask once where a bucket is: of a store that sends every question on it would ask for ever."""
    params["context"].setdefault("s3_redirect", {})["redirected"] = True


def client_of(settings: S3Settings) -> Any:  # noqa: ANN401 - the library makes its classes at run time
    """Return a client of the library, safe in threads."""
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if settings.path_style else "virtual"},
        connect_timeout=settings.connect_timeout_s,
        read_timeout=settings.read_timeout_s,
        # The one place that tries again: the library knows which answers pass, and spreads its waits.
        retries={"mode": "standard", "total_max_attempts": settings.attempts},
        max_pool_connections=_CONNECTIONS,
        # Newer kinds of checksums are unknown to most stores. What was taken is judged by the MD5 that each of them tells.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        parameter_validation=False,
        proxies={},
        user_agent="fs2od",
    )
    with _making:  # making one is not safe in threads
        client = _session().create_client(
            "s3",
            region_name=settings.region,
            endpoint_url=settings.endpoint,
            aws_access_key_id=settings.access_key,
            aws_secret_access_key=settings.secret_key,
            verify=_file_of(settings.ca_pem) if settings.ca_pem else True,
            config=config,
        )
    client.meta.events.register("before-call.s3.HeadBucket", _stay)
    judge_answers(client, settings.shown)
    if settings.only_public:
        confine(client)
    return cast("Any", client)

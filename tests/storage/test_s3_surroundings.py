"""What a bucket is reached by comes from its settings alone, nothing from the environment of whoever runs us."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from contextlib import suppress
from dataclasses import asdict, replace

from fs2od.errors import StorageBusy
from fs2od.storage.s3 import S3Settings, S3Storage, client_of
from fs2od.testing.network import Proxy
from fs2od.testing.radosgw import Radosgw

WRITES = """
import json, sys
from fs2od.storage.s3 import S3Settings, S3Storage
storage = S3Storage(S3Settings(**json.load(sys.stdin)))
storage.write("folder/file", [b"content"])
print(storage.stat("folder/file").size_bytes)
"""


def test_no_token_or_proxy_of_the_environment_is_used(radosgw: Radosgw, bucket: S3Settings, proxy: Proxy) -> None:
    own = replace(bucket, endpoint=f"http://127.0.0.1:{proxy.ports[0]}", prefix=secrets.token_hex(8))
    with Proxy({0: ("127.0.0.1", radosgw.port)}) as beside:
        address = f"http://127.0.0.1:{beside.ports[0]}"
        around = {"HTTP_PROXY": address, "http_proxy": address, "AWS_SESSION_TOKEN": "of another store"}
        done = subprocess.run(
            [sys.executable, "-c", WRITES], input=json.dumps(asdict(own)), env={**os.environ, **around},
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.stdout == "7\n", done.stderr
        assert beside.exchanges == []
    # Each by the quicker way alone.
    assert [exchange.request.method for exchange in proxy.exchanges] == ["PUT", "HEAD", "HEAD"]
    assert not any("x-amz-security-token" in exchange.request.headers for exchange in proxy.exchanges)


def test_with_the_bucket_in_the_hosts_name_nothing_comes_into_another_bucket(radosgw: Radosgw) -> None:
    own, other = radosgw.bucket(), f"other-{secrets.token_hex(4)}"
    client = client_of(own)
    client.create_bucket(Bucket=other)
    named = replace(own, endpoint=f"http://localhost:{radosgw.port}", path_style=False, prefix=other, attempts=1)
    storage = S3Storage(named)
    with suppress(StorageBusy):  # such a name leads nowhere on most machines
        storage.write("folder/file", [b"content"])
    assert not client.list_objects_v2(Bucket=other).get("Contents")
    storage.close()
    client.close()

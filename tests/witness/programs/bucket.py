"""Read all objects below a prefix of a bucket with boto3 and with s3fs; told on standard input, answers as JSON."""

import hashlib
import json
import sys

import boto3  # type: ignore[import-not-found]  # lives in .venv-witness
import s3fs  # type: ignore[import-not-found]  # lives in .venv-witness


def main() -> None:
    told = json.load(sys.stdin)
    bucket, prefix = told["bucket"], told["prefix"]
    keys = {
        "endpoint_url": told["endpoint"],
        "aws_access_key_id": told["access"],
        "aws_secret_access_key": told["secret"],
    }
    client = boto3.client("s3", region_name="us-east-1", **keys)
    with_boto3 = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for found in page.get("Contents", ()):
            body = client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read()
            with_boto3[found["Key"].removeprefix(prefix)] = hashlib.sha256(body).hexdigest()
    tree = s3fs.S3FileSystem(key=told["access"], secret=told["secret"], endpoint_url=told["endpoint"])
    root = f"{bucket}/{prefix}"
    with_s3fs = {path.removeprefix(root): hashlib.sha256(tree.cat_file(path)).hexdigest() for path in tree.find(root)}
    json.dump({"boto3": with_boto3, "s3fs": with_s3fs}, sys.stdout)


main()

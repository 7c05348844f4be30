"""S3 and everything that speaks it, through boto3: ETags in listings, If-Match reads, If-None-Match writes.

Settings come from boto3's usual places: AWS_ENDPOINT_URL_S3, AWS_ACCESS_KEY_ID, profiles, instance roles, ...
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from io import BytesIO
from typing import Any

from mmsum.errors import (
    CredentialsRefused,
    DocumentFailure,
    FailureKind,
    ObjectChanged,
    ObjectForbidden,
    ObjectNotFound,
    StorageError,
)
from mmsum.records import ObjectRef
from mmsum.storage.s3_listing import list_pages, parse_listings_fast
from mmsum.storage.uris import split

_MISSING = {"NoSuchKey", "NoSuchBucket", "404", "NotFound", "InvalidBucketName", "KeyTooLongError", "InvalidURI"}
_BAD_CREDENTIALS = {
    "AuthFailure",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidToken",
    "InvalidTokenId",  # MinIO's word for the same
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
}
_ATTEMPTS = 5  # at reading a body that breaks off, and at writes that conflict; botocore repeats single requests itself
_REQUEST_ATTEMPTS = 10  # rides out about 13 s of refused connections (measured backoff), longer where throttled
_CHUNK = 1 << 18
_READ_SECONDS, _SLOWEST_BYTES_PER_SECOND = 60, 50_000  # a body may take so long, and so much longer for its size
_DELETE_BATCH = 1000  # the most keys one DeleteObjects request takes


def walk(folder: str, starts_with: str = "", depth: int | None = None) -> Iterator[ObjectRef]:
    """Every object below `folder` whose key, below it, starts so, in no particular order. `depth` is for local folders."""
    bucket, key = split(folder)
    base = key.rstrip("/") + "/" if key else ""
    with _explained("list", folder):
        for page in list_pages(_client(), bucket, base + starts_with):
            for entry in page:
                name = entry["Key"]
                if not _is_left_out(name[len(base) :], entry["Size"]):
                    yield ObjectRef(f"s3://{bucket}/{name}", entry["Size"], entry["ETag"].strip('"'))


def _is_left_out(name: str, size: int) -> bool:
    """Hidden names, and the empty objects by which consoles and Hadoop mark folders."""
    if size == 0 and (name.endswith(("/", "_$folder$")) or not name):
        return True
    return any(part.startswith(".") for part in name.split("/"))


def stat(uri: str) -> ObjectRef | None:
    """Size and ETag of an object, or None where there is none."""
    bucket, key = split(uri)
    if not key:
        return None
    try:
        with _explained("look at", uri):
            head = _head(bucket, key)
    except ObjectNotFound:
        return None
    return ObjectRef(uri, head["ContentLength"], head["ETag"].strip('"'))


def _head(bucket: str, key: str) -> dict[str, Any]:
    from botocore.exceptions import ClientError

    try:
        answer: dict[str, Any] = _client().head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if _code(error) in ("400", "403"):  # a refusal without a body: asked for a byte, the store says why
            with closing(_client().get_object(Bucket=bucket, Key=key, Range="bytes=0-0")["Body"]):
                pass
        raise
    return answer


def folder_exists(uri: str) -> bool:
    """Whether any key lies below `uri`. Raises ObjectNotFound where there is no such bucket."""
    bucket, key = split(uri)
    base = key.rstrip("/") + "/" if key else ""
    with _explained("list", uri):
        answer = _client().list_objects_v2(Bucket=bucket, Prefix=base, MaxKeys=1)
    return not base or bool(answer.get("Contents"))


def read(uri: str, version: str = "", max_bytes: int | None = None) -> bytes:
    """All bytes of an object. See mmsum.storage.read."""
    return _fetch(uri, version, max_bytes)


def read_range(uri: str, start: int, size: int, version: str = "") -> bytes:
    """Some bytes of an object. See mmsum.storage.read_range."""
    data = _fetch(uri, version, Range=f"bytes={start}-{start + size - 1}")
    if len(data) != size:
        raise StorageError(
            f"cannot read {uri}: {size} bytes were asked for and {len(data)} came; does the store know ranges?"
        )
    return data


def _fetch(uri: str, version: str, max_bytes: int | None = None, **request: str) -> bytes:
    from botocore.exceptions import IncompleteReadError, ReadTimeoutError, ResponseStreamingError

    bucket, key = split(uri)
    if not key:
        raise ObjectNotFound(f"cannot read {uri}: it names a bucket, not an object; check the name")
    request |= {"IfMatch": f'"{version}"'} if version else {}
    for attempt in range(1, _ATTEMPTS + 1):
        with _explained("read", uri):
            answer = _client().get_object(Bucket=bucket, Key=key, **request)
            with closing(answer["Body"]) as body:  # its own `with` hands out the raw stream, which checks no lengths
                if version and answer["ETag"].strip('"') != version:  # a store that ignores If-Match
                    raise ObjectChanged(_changed(uri))
                size = answer["ContentLength"]
                if max_bytes is not None and size > max_bytes:
                    raise DocumentFailure(
                        FailureKind.TOO_LARGE, f"{uri} has {size} bytes, above limits.bytes={max_bytes}"
                    )
                try:
                    return _read_body(body, size, uri)
                except (IncompleteReadError, ReadTimeoutError, ResponseStreamingError):
                    if attempt == _ATTEMPTS:
                        raise
        time.sleep(_pause(attempt))
    raise AssertionError("unreachable")


def _read_body(body: Any, size: int, uri: str) -> bytes:
    """All of a body, unless it comes so slowly that the connection is better given up."""
    give_up = time.monotonic() + _READ_SECONDS + size / _SLOWEST_BYTES_PER_SECOND
    chunks = []
    while chunk := body.read(_CHUNK):
        chunks.append(chunk)
        if time.monotonic() > give_up:
            raise StorageError(f"cannot read {uri}: slower than {_SLOWEST_BYTES_PER_SECOND} bytes/s; check the network")
    return b"".join(chunks)


def put_if_absent(uri: str, data: bytes) -> bool:
    """One conditional PUT. False: the key was taken. A store that ignores conditions overwrites and answers True.

    False may also mean that an earlier try of this very call got through and only its answer was lost.
    """
    from botocore.exceptions import ClientError

    bucket, key = split(uri)
    with _explained("write", uri):
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                _client().put_object(Bucket=bucket, Key=key, Body=data, IfNoneMatch="*")
                return True
            except ClientError as error:
                code = _code(error)
                if code in ("PreconditionFailed", "412"):
                    return False
                if code == "NotImplemented":  # older servers refuse the header instead of ignoring it
                    put(uri, data)
                    return True
                if code not in ("ConditionalRequestConflict", "409") or attempt == _ATTEMPTS:
                    raise
            time.sleep(_pause(attempt))  # another writer of this key is at work: who won shows in a moment
    raise AssertionError("unreachable")


LARGE = 256 * 2**20
"""Bytes from which on an object is sent in parts: S3 takes 5 GiB in one request, and a checkpoint's shard can be larger."""


def put(uri: str, data: bytes) -> None:
    """An object appears, or is replaced, whole: in one PUT, or where it is large in parts that count when all are there."""
    bucket, key = split(uri)
    with _explained("write", uri):
        if len(data) < LARGE:
            _client().put_object(Bucket=bucket, Key=key, Body=data)
        else:
            from boto3.s3.transfer import TransferConfig

            parts = TransferConfig(multipart_threshold=LARGE, multipart_chunksize=LARGE // 4)
            _client().upload_fileobj(BytesIO(data), bucket, key, Config=parts)


def delete(uris: Iterable[str]) -> None:
    """Delete objects, up to a thousand in one request; those that do not exist are fine."""
    buckets = defaultdict[str, list[str]](list)
    for uri in uris:
        bucket, key = split(uri)
        buckets[bucket].append(key)
    for bucket, keys in buckets.items():
        for start in range(0, len(keys), _DELETE_BATCH):
            objects = [{"Key": key} for key in keys[start : start + _DELETE_BATCH]]
            with _explained("delete from", f"s3://{bucket}"):
                answer = _client().delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            _raise_first(bucket, [e for e in answer.get("Errors", []) if e.get("Code") not in _MISSING])


def _raise_first(bucket: str, errors: list[dict[str, str]]) -> None:
    if errors:
        name = f"s3://{bucket}/{errors[0].get('Key', '')}"
        kind = ObjectForbidden if errors[0].get("Code") == "AccessDenied" else StorageError
        reason = errors[0].get("Message") or errors[0].get("Code")
        raise kind(f"cannot delete {name}: {reason}; {len(errors)} of this request were refused: allow s3:DeleteObject")


def _client() -> Any:
    """This process's client for the AWS settings of the moment (a fork must not share its parent's connections)."""
    settings = tuple(sorted((name, value) for name, value in os.environ.items() if name.startswith("AWS_")))
    return _connect(os.getpid(), settings)


@lru_cache(maxsize=4)
def _connect(pid: int, settings: tuple[tuple[str, str], ...]) -> Any:
    import boto3.session
    from botocore.config import Config

    # The profile's endpoint_url counts too, but then virtual-host addressing is what its owner gets by default.
    has_endpoint = any(name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3") for name, _ in settings)
    attempts = int(os.environ.get("AWS_MAX_ATTEMPTS", _REQUEST_ATTEMPTS))
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=64,
        s3={"addressing_style": "path" if has_endpoint else "auto"},
        # Stores other than Amazon's often refuse the checksums that newer clients add by default.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    client = boto3.session.Session().client("s3", config=config)
    parse_listings_fast(client)
    return client


def _pause(attempt: int) -> float:
    """Seconds to wait after the attempt of that number: 0.2, 0.4, 0.8, ..."""
    return float(0.1 * 2**attempt)


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _changed(uri: str) -> str:
    return f"{uri} has changed since it was listed; the next snapshot takes the new version"


@contextmanager
def _explained(action: str, uri: str) -> Iterator[None]:
    """Turn boto3's errors into ours."""
    from botocore import exceptions as boto

    what = f"cannot {action} {uri}"
    try:
        yield
    except boto.ClientError as error:
        raise _translated(what, uri, error) from error
    except (boto.NoCredentialsError, boto.PartialCredentialsError, boto.CredentialRetrievalError) as error:
        _connect.cache_clear()
        raise CredentialsRefused(
            f"{what}: no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, "
            "or run where an instance role gives them"
        ) from error
    except boto.ParamValidationError as error:
        raise ObjectNotFound(f"{what}: not a valid S3 name; check the bucket and the key") from error
    except (boto.BotoCoreError, boto.HTTPClientError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise StorageError(f"{what}: {reason}; check AWS_ENDPOINT_URL, the network and AWS_* settings") from error


def _translated(what: str, uri: str, error: Any) -> StorageError:
    code = _code(error)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    message = error.response.get("Error", {}).get("Message") or code
    if code == "NoSuchBucket":
        return ObjectNotFound(f"{what}: there is no bucket {split(uri)[0]}; check its name and the endpoint")
    if code in _MISSING or status == 404:
        return ObjectNotFound(f"{what}: no such object; check the name")
    if code in ("PreconditionFailed", "412"):
        return ObjectChanged(_changed(uri))
    if code in _BAD_CREDENTIALS:
        _connect.cache_clear()  # so that renewed credentials are read afresh
        return CredentialsRefused(f"{what}: {message} ({code}); renew the AWS credentials, then run it again")
    if code == "InvalidObjectState":
        return ObjectForbidden(f"{what}: it is in an archive storage class; restore it first")
    if status in (401, 403):
        return ObjectForbidden(f"{what}: {message} ({code}); allow it in the bucket's or the role's policy")
    return StorageError(f"{what}: {message} ({code}); check the store, then start the same command again")

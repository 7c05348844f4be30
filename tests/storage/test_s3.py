"""S3 beyond the common behaviour: markers, long listings, and the answers of stores in trouble."""

from __future__ import annotations

import boto3
import pytest

from mmsum import storage
from mmsum.errors import CredentialsRefused, ObjectForbidden, ObjectNotFound, StorageError
from mmsum.storage import s3
from tests.servers import Script

URI = "s3://bucket/key"


def refusal(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>said so</Message></Error>"
    return status, {"Content-Type": "application/xml"}, body.encode()


OK = (200, {"ETag": '"e"'}, b"")


def test_markers_of_folders_are_left_out(moto: str) -> None:
    client = boto3.client("s3")
    for key in ("d/", "d/sub/", "d/sub_$folder$", "d/a.pdf"):
        client.put_object(Bucket=moto.removeprefix("s3://"), Key=key, Body=b"1" if key == "d/a.pdf" else b"")
    assert [ref.uri for ref in storage.list_source(f"{moto}/d")] == [f"{moto}/d/a.pdf"]


def test_listings_and_deletions_of_several_pages(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "_DELETE_BATCH", 10)  # the server's listings come in pages of 10, too
    uris = [f"{moto}/d/{number:04}" for number in range(25)]
    for uri in uris:
        storage.put(uri, b"1")
    bucket = moto.removeprefix("s3://")
    assert boto3.client("s3").list_objects_v2(Bucket=bucket)["IsTruncated"]
    assert sorted(ref.uri for ref in storage.list_source(f"{moto}/d")) == uris
    storage.delete(uris)
    assert list(storage.list_source(f"{moto}/d")) == []


def test_a_large_object_is_sent_in_parts(moto: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 takes 5 GiB in one request."""
    monkeypatch.setattr(s3, "LARGE", 24 * 2**20)
    data = bytes(range(256)) * (25 * 2**12)  # 25 MiB, of which a part has 6
    storage.put(f"{moto}/large", data)
    storage.put(f"{moto}/small", data[:100])
    assert (storage.read(f"{moto}/large"), storage.read(f"{moto}/small")) == (data, data[:100])
    [large, small] = sorted(storage.list_objects(moto), key=lambda ref: ref.uri)
    assert large.version.strip('"').endswith("-5") and "-" not in small.version


def test_a_body_that_breaks_off_is_read_again(script: Script) -> None:
    script.answers = [
        (200, {"ETag": '"e"', "Content-Length": "10"}, b"half"),
        (200, {"ETag": '"e"'}, b"0123456789"),
    ]
    assert storage.read(URI, "e") == b"0123456789"
    assert [headers["If-Match"] for _, _, headers in script.requests] == ['"e"', '"e"']


def test_a_conflicting_write_is_tried_again(script: Script) -> None:
    script.answers = [refusal(404, "NoSuchKey"), refusal(409, "ConditionalRequestConflict"), OK]
    assert storage.create(URI, b"data")
    assert [headers.get("If-None-Match") for _, _, headers in script.requests] == [None, "*", "*"]


def test_losing_a_conflict_is_an_existing_object(script: Script) -> None:
    conflict, lost = refusal(409, "ConditionalRequestConflict"), refusal(412, "PreconditionFailed")
    script.answers = [refusal(404, "NoSuchKey"), conflict, lost]
    assert not storage.create(URI, b"data")


def test_a_store_that_refuses_conditions_is_written_without(script: Script) -> None:
    script.answers = [refusal(404, "NoSuchKey"), refusal(501, "NotImplemented"), OK]
    assert storage.create(URI, b"data")
    assert [headers.get("If-None-Match") for _, _, headers in script.requests] == [None, "*", None]


@pytest.mark.parametrize(
    ("answer", "kind", "says"),
    [
        (refusal(403, "AccessDenied"), ObjectForbidden, "said so (AccessDenied); allow it in the bucket's"),
        (refusal(403, "InvalidObjectState"), ObjectForbidden, "restore it first"),
        (refusal(400, "ExpiredToken"), CredentialsRefused, "said so (ExpiredToken); renew the AWS credentials"),
        (refusal(403, "InvalidTokenId"), CredentialsRefused, "said so (InvalidTokenId); renew the AWS credentials"),
        (refusal(404, "NoSuchKey"), ObjectNotFound, "no such object"),
        (refusal(400, "Strange"), StorageError, "said so (Strange); check the store"),
    ],
)
def test_refusals(script: Script, answer: tuple[int, dict[str, str], bytes], kind: type[Exception], says: str) -> None:
    script.answers = [answer]
    with pytest.raises(StorageError) as caught:
        storage.read(URI)
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"cannot read {URI}: ") and says in str(caught.value)


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [(400, "ExpiredToken", CredentialsRefused), (403, "InvalidAccessKeyId", CredentialsRefused)],
)
def test_a_look_that_is_refused_says_why(script: Script, status: int, code: str, kind: type[Exception]) -> None:
    """The answer to a HEAD has no body: an expired token is no more than a `Bad Request` there."""
    said = {"GET": refusal(status, code), "HEAD": (status, {}, b"")}
    for look in (storage.stat, lambda uri: storage.create(uri, b"data"), lambda uri: list(storage.list_objects(uri))):
        script.answers = [said["HEAD"]] * (2 if status == 400 else 1) + [
            said["GET"]
        ]  # boto3 asks for the bucket's region
        with pytest.raises(kind, match=f"said so .{code}.; renew the AWS credentials"):
            look(URI)


def test_renewed_credentials_are_read_afresh(script: Script, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    """A credentials file that somebody rotates, as many sites do: the client of before must not be kept."""
    file = f"{tmp_path}/credentials"
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", file)
    script.answers = [refusal(400, "ExpiredToken"), (200, {"ETag": '"e"'}, b"data")]
    storage.put(file, b"[default]\naws_access_key_id=OLDKEY\naws_secret_access_key=x\n")
    with pytest.raises(CredentialsRefused):
        storage.read(URI)
    storage.put(file, b"[default]\naws_access_key_id=NEWKEY\naws_secret_access_key=x\n")
    assert storage.read(URI) == b"data"
    assert "NEWKEY" in script.requests[1][2]["Authorization"]


def test_a_dead_store_is_no_documents_fault(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    with pytest.raises(StorageError, match="Could not connect .*; check AWS_ENDPOINT_URL") as caught:
        storage.read(URI)
    assert type(caught.value) is StorageError


@pytest.mark.parametrize("uri", ["s3://Bad_Bucket!/k", "s3://bucket", "s3:///k"])
def test_impossible_names_are_missing_objects(moto: str, uri: str) -> None:
    with pytest.raises(ObjectNotFound):
        storage.read(uri)

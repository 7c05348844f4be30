"""Every store that can run here, each as the URI of an empty folder to work in."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import boto3
import pytest

from mmsum.storage import arrow
from tests.servers import Script, Server, azure, gcs, moto_s3, rclone_s3, scripted_s3

KINDS = ["local", "rclone", "moto", "gcs", "azure"]


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with rclone_s3(tmp_path_factory.mktemp("rclone")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Server]:
    with moto_s3(page_size=10) as server:
        yield server


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[Server]:
    try:
        with gcs() as server:
            yield server
    except FileNotFoundError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def azure_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    try:
        with azure(tmp_path_factory.mktemp("azurite")) as server:
            yield server
    except FileNotFoundError as error:
        pytest.skip(str(error))


def _use(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.env.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def rclone(rclone_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    return _new_bucket(rclone_server, monkeypatch)


@pytest.fixture
def moto(moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    return _new_bucket(moto_server, monkeypatch)


def _new_bucket(server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    _use(server, monkeypatch)
    bucket = f"bucket-{uuid.uuid4().hex}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}"


@pytest.fixture
def gcs_bucket(gcs_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    _use(gcs_server, monkeypatch)
    bucket = f"bucket-{uuid.uuid4().hex}"
    body, kind = json.dumps({"name": bucket}).encode(), {"Content-Type": "application/json"}
    urlopen(Request(f"{gcs_server.endpoint}/storage/v1/b?project=tests", body, kind)).close()
    return f"gs://{bucket}"


@pytest.fixture
def azure_container(azure_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    _use(azure_server, monkeypatch)
    uri = f"abfss://c-{uuid.uuid4().hex}@devstoreaccount1.dfs.core.windows.net"
    files, container = arrow._locate(uri)
    files.create_dir(container)
    return uri


_FIXTURES = {"rclone": "rclone", "moto": "moto", "gcs": "gcs_bucket", "azure": "azure_container"}


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of an empty folder or bucket in each store, one after the other."""
    if request.param == "local":
        return str(tmp_path)
    return str(request.getfixturevalue(_FIXTURES[request.param]))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Script]:
    """An S3 endpoint that answers what the test puts into `script.answers`."""
    answers = Script()
    with scripted_s3(answers) as server:
        _use(server, monkeypatch)
        yield answers

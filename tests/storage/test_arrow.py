"""What Google's and Azure's refusals mean: their codes stand only in Arrow's text, among names and request ids."""

from __future__ import annotations

import json
import os

import pytest

from mmsum import storage
from mmsum.errors import CredentialsRefused, ObjectForbidden, StorageError
from tests.servers import Script

GOOGLE = "gs://bucket-401/d-403/HTTP 403/scan-4031.pdf"
AZURE = "abfss://c401@devstoreaccount1.dfs.core.windows.net/d-403/Azure Error: [x] 401/scan-4031.pdf"


@pytest.fixture
def stores(script: Script, monkeypatch: pytest.MonkeyPatch) -> Script:
    """The scripted server, found by Google's and Azure's clients, too."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("AZURE_STORAGE_BLOB_ENDPOINT", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("AZURE_STORAGE_KEY", "a2V5")
    return script


def google(status: int, message: str = "said so") -> tuple[int, dict[str, str], bytes]:
    body = {"error": {"code": status, "message": message, "errors": [{"message": message, "reason": "x"}]}}
    return status, {"Content-Type": "application/json"}, json.dumps(body).encode()


def azure(status: int, code: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"x-ms-error-code": code, "x-ms-request-id": "4031-HTTP 401-HTTP 403"}, b""


FLAT = azure(400, "InvalidUri")
"""The answer to the client's first question: this account has no folders."""


@pytest.mark.parametrize(
    ("uri", "answers", "kind"),
    [
        (GOOGLE, [google(401)], CredentialsRefused),
        (GOOGLE, [google(403)], ObjectForbidden),
        (GOOGLE, [google(400)], StorageError),
        (GOOGLE, [google(412, "request 401403: bucket-401/d-403/HTTP 403/scan-4031.pdf")], StorageError),
        (AZURE, [azure(401, "NoAuthenticationInformation")], CredentialsRefused),
        ("abfss://c401@devstoreaccount1.dfs.core.windows.net/4", [FLAT, azure(401, "x")], CredentialsRefused),
        (AZURE, [FLAT, azure(403, "AuthenticationFailed")], CredentialsRefused),
        (AZURE, [FLAT, azure(403, "AuthorizationFailure")], ObjectForbidden),
        (AZURE, [FLAT, azure(429, "TooManyRequests")], StorageError),
    ],
)
def test_refusals(
    stores: Script, uri: str, answers: list[tuple[int, dict[str, str], bytes]], kind: type[StorageError]
) -> None:
    stores.answers = answers
    with pytest.raises(StorageError) as caught:
        storage.stat(uri)
    assert type(caught.value) is kind, caught.value
    assert str(caught.value).startswith(f"cannot look at {uri}: ") and "\n" not in str(caught.value)


def test_missing_credentials_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/no-such-file.json")
    with pytest.raises(CredentialsRefused, match=r"no-such-file\.json .*; renew the cloud credentials"):
        storage.stat(GOOGLE)

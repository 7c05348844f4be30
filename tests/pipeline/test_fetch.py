"""What a store answers to a document's GET, and the kind of failure that its row then has."""

from __future__ import annotations

import pytest

from mmsum.config import Figures, Limits
from mmsum.documents.parse import Parser
from mmsum.errors import RETRYABLE
from mmsum.pipeline.stages import fetch_and_parse
from mmsum.records import ObjectRef
from tests.servers import Script, scripted_s3
from tests.storage.test_s3 import URI, refusal

MISSING = refusal(404, "NoSuchKey")


@pytest.mark.parametrize(
    ("answers", "kind", "retryable"),
    [
        ([refusal(403, "AccessDenied")], "forbidden", True),
        ([MISSING], "not_found", False),
        ([refusal(412, "PreconditionFailed")], "changed", True),
        ([(200, {"ETag": '"another"'}, b"new")], "changed", True),  # of a store that ignores If-Match
        ([refusal(400, "Strange"), MISSING], "fetch_failed", True),  # the second: whether the store answers at all
    ],
)
def test_answers_and_kinds(
    monkeypatch: pytest.MonkeyPatch, answers: list[tuple[int, dict[str, str], bytes]], kind: str, retryable: bool
) -> None:
    script = Script()
    script.answers = list(answers)
    with scripted_s3(script) as server, Parser(Limits(), Figures()) as parser:
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        document = fetch_and_parse(ObjectRef(URI, 3, "planned"), parser, Limits())
    assert (document.status, document.failure_kind) == ("failed", kind), document.failure_message
    assert document.failure_message and URI in document.failure_message
    assert script.requests[0][2]["If-Match"] == '"planned"'
    assert (kind in RETRYABLE) == retryable

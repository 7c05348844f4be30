"""Listings side by side: whatever the keys look like, each comes exactly once."""

from __future__ import annotations

import random
import string
import time
from collections.abc import Callable

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmsum import storage
from mmsum.errors import StorageError
from mmsum.storage import s3
from mmsum.storage.s3_listing import LISTERS, list_pages
from tests.chaos.proxy import Faults, faulty
from tests.servers import Script, Server


class Client:
    """The part of boto3's client that listings use, over keys in memory."""

    def __init__(self, keys: list[str], page: int, *, starts_after: bool = True, wait: float = 0.0) -> None:
        self.wait = wait
        self.keys, self.page, self.starts_after = sorted(keys), page, starts_after
        self.requests = self.at_work = self.most_at_work = 0

    def list_objects_v2(
        self, Bucket: str, Prefix: str, StartAfter: str = "", ContinuationToken: str = "", MaxKeys: int = 1000
    ) -> dict[str, object]:
        self.requests += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        time.sleep(self.wait)
        self.at_work -= 1
        after = ContinuationToken or (StartAfter if self.starts_after else "")
        keys = [key for key in self.keys if key.startswith(Prefix) and key > after]
        page = keys[: min(self.page, MaxKeys)]
        answer: dict[str, object] = {"Contents": [{"Key": key, "Size": 1, "ETag": "e"} for key in page]}
        return answer | {"IsTruncated": len(keys) > len(page), "NextContinuationToken": page[-1] if page else ""}


def listed(client: Client, prefix: str = "") -> list[str]:
    return sorted(entry["Key"] for page in list_pages(client, "bucket", prefix) for entry in page)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text("ab/é\U0001f600", min_size=1, max_size=6), unique=True, max_size=60), st.integers(1, 9))
def test_every_key_once(keys: list[str], page: int) -> None:
    assert listed(Client(keys, page)) == sorted(keys)
    assert listed(Client(keys, page), "a") == sorted(key for key in keys if key.startswith("a"))


FOLDERS: dict[str, Callable[[int], str]] = {
    "flat": lambda n: f"docs/report-{n:06d}.pdf",
    "nested": lambda n: f"docs/{n % 7}/{n % 31:02d}/{n}.pdf",
    "hashed": lambda n: "docs/" + "".join(random.Random(n).choices(string.hexdigits, k=12)),
    "one folder is big": lambda n: f"docs/small/{n}" if n < 5 else f"docs/zz/deeply/nested/report-{n:06d}",
}


@pytest.mark.parametrize("name", FOLDERS)
def test_listing_fans_out_however_keys_are_named(name: str) -> None:
    """Looking for places to cut costs requests too: fewer than there are pages."""
    keys = [FOLDERS[name](number) for number in range(5000)]
    client = Client(keys, page=10, wait=0.01)
    assert listed(client) == sorted(set(keys))
    assert client.requests < 500 * 2
    assert client.most_at_work > LISTERS / 4


def test_a_store_that_ignores_where_to_start_is_listed_page_by_page() -> None:
    keys = [f"docs/{number:03d}" for number in range(95)]
    assert listed(Client(keys, page=10, starts_after=False)) == keys


def test_real_listings_over_many_pages(store: str) -> None:
    uris = sorted(f"{store}/docs/{folder}/report-{number:03d}é.txt" for folder in "ab" for number in range(40))
    for uri in uris:
        storage.put(uri, b"1")
    assert sorted(ref.uri for ref in storage.list_source(f"{store}/docs")) == uris
    names = [f"{store}/docs/a/report-{number:03d}é.txt" for number in range(10, 20)]
    assert sorted(ref.uri for ref in storage.list_folder(f"{store}/docs/a", "report-01")) == names
    assert list(storage.list_folder(f"{store}/nothing")) == []


def test_a_listing_that_fails_midway_says_so(moto: str, moto_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("s3")
    for number in range(60):
        client.put_object(Bucket=moto.removeprefix("s3://"), Key=f"docs/{number:03d}", Body=b"1")
    faults = Faults(seed=1)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with faulty(moto_server, faults) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
        refs = storage.list_source(f"{moto}/docs")
        next(refs)
        faults.errors = 1.0
        with pytest.raises(StorageError, match="cannot list"):
            list(refs)


def test_names_that_xml_and_urls_escape_come_back_as_they_are(script: Script) -> None:
    """As stores write them: url-encoded where asked (boto3 asks), else escaped for XML, or by numbers."""

    def page(keys: list[str], encoding: str = "") -> tuple[int, dict[str, str], bytes]:
        contents = "".join(
            f"<Contents><ETag>&quot;e{n}&quot;</ETag><Size>{n}</Size><Key>{key}</Key></Contents>"
            for n, key in enumerate(keys)
        )
        body = f"<ListBucketResult>{encoding}<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        return 200, {"Content-Type": "application/xml"}, body.encode()

    def names(answer: tuple[int, dict[str, str], bytes]) -> list[tuple[str, int, str]]:
        script.answers = [answer]
        return [(ref.uri, ref.size, ref.version) for ref in s3.walk("s3://bucket/d")]

    url = "<EncodingType>url</EncodingType>"
    plain, escaped = ("s3://bucket/d/a b&c.pdf", 0, "e0"), ("s3://bucket/d/<é>\"'", 1, "e1")
    assert names(page(["d/a+b%26c.pdf", "d/%3C%C3%A9%3E%22%27"], url)) == [plain, escaped]
    assert names(page(["d/a b&amp;c.pdf", "d/&lt;é&gt;&quot;&apos;"])) == [plain, escaped]
    assert names(page(["d/a b&#38;c.pdf", "d/&lt;&#233;&gt;&quot;&apos;"])) == [plain, escaped]
    assert names(page([])) == []

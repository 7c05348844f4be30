"""Listing a prefix of a bucket by many requests at once.

A store gives a thousand keys a page, one page after the other: a million keys are 1,000 waits. But a listing may begin
anywhere (StartAfter) and be held to a prefix, so a range of keys that turns out long is cut where some other key begins
to differ, and both ends are listed side by side, whether keys lie in folders or all in one.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import unescape

LISTERS = 16
"""Requests at once."""

_PAGES_WORTH_CUTTING = 8

_LAST = "\U0010ffff"
"""Behind every character that a key can hold: `prefix + _LAST` is behind all keys that start with `prefix`."""


@dataclass(frozen=True)
class _Range:
    """The keys that start with `prefix` and come behind `after`."""

    prefix: str
    after: str


def list_pages(client: Any, bucket: str, prefix: str) -> Iterator[list[dict[str, Any]]]:
    """Pages of entries (Key, Size, ETag), each key once, pages in any order. Raises what the client raises."""
    whole = _Range(prefix, "")
    first = _list(client, bucket, whole)
    yield first.get("Contents", [])
    if first.get("IsTruncated"):
        yield from _Listing(client, bucket, whole, first).pages()


def parse_listings_fast(client: Any) -> None:
    """Reads a page's entries here: botocore took 170 ms of CPU for a thousand of them, most of it for times nobody reads.

    A page that is not as plain as stores send it is left to botocore.
    """

    def take_entries(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
        body: bytes = response_dict["body"]
        columns = [re.findall(rb"<%s>([^<]*)</%s>" % (name, name), body) for name in (b"Key", b"Size", b"ETag")]
        entries = body.count(b"<Contents>")
        if not entries or any(len(column) != entries for column in columns) or b"&#" in body:
            return
        customized_response_dict["Contents"] = [
            {"Key": unescape(key.decode(), _QUOTES), "Size": int(size), "ETag": unescape(etag.decode(), _QUOTES)}
            for key, size, etag in zip(*columns, strict=True)
        ]
        begin, end = body.index(b"<Contents>"), body.rindex(b"</Contents>") + len(b"</Contents>")
        response_dict["body"] = body[:begin] + body[end:]

    client.meta.events.register("before-parse.s3.ListObjectsV2", take_entries)


_QUOTES = {"&quot;": '"', "&apos;": "'"}


def _list(client: Any, bucket: str, keys: _Range, token: str | None = None, most: int | None = None) -> dict[str, Any]:
    options: dict[str, Any] = (
        {"ContinuationToken": token} if token else {"StartAfter": keys.after} if keys.after else {}
    )
    if most:
        options["MaxKeys"] = most
    answer: dict[str, Any] = client.list_objects_v2(Bucket=bucket, Prefix=keys.prefix, **options)
    return answer


class _Listing:
    """The rest of a listing whose first page is known."""

    def __init__(self, client: Any, bucket: str, whole: _Range, first: dict[str, Any]) -> None:
        self.client, self.bucket = client, bucket
        self.found: queue.Queue[list[dict[str, Any]] | BaseException | None] = queue.Queue(maxsize=4 * LISTERS)
        self.lock = threading.Lock()
        self.under_way = 0
        self.cuts = 0
        self.stopped = False
        self._start(whole, first)

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        try:
            while (item := self.found.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.stopped = True
            while self._drain():
                pass

    def _drain(self) -> bool:
        """Lets listers that wait to hand over a page come to their end."""
        try:
            self.found.get(timeout=0.01)
        except queue.Empty:
            with self.lock:
                return self.under_way > 0
        return True

    def _start(self, keys: _Range, page: dict[str, Any] | None = None) -> None:
        with self.lock:
            self.under_way += 1
        threading.Thread(target=self._run, args=(keys, page), name="list", daemon=True).start()

    def _run(self, keys: _Range, page: dict[str, Any] | None) -> None:
        try:
            self._follow(keys, page)
        except BaseException as error:  # handed to the thread that reads the pages
            self.found.put(error)
        with self.lock:
            self.under_way -= 1
            is_last = self.under_way == 0
        if is_last:
            self.found.put(None)

    def _follow(self, keys: _Range, page: dict[str, Any] | None) -> None:
        """Lists a range from its first page, or from behind `page`; hands over parts of it while listers are free."""
        given = 0  # pages since this range was begun or cut
        while not self.stopped:
            if page is None:
                page = _list(self.client, self.bucket, keys)
                self.found.put(page.get("Contents", []))
            given += 1
            if not page.get("IsTruncated") or not page.get("Contents"):
                return
            last = page["Contents"][-1]["Key"]
            # Looking for a place to cut costs some requests: at first for having listers at work, then for long ranges.
            shared = ""
            if self.under_way < LISTERS and (self.cuts < LISTERS or given >= _PAGES_WORTH_CUTTING):
                self.cuts += 1
                shared, given = self._shared_prefix(keys, last), 0
            if shared:
                self._start(_Range(keys.prefix, shared + _LAST))
                keys, page = _Range(shared, last), None
            else:
                page = _list(self.client, self.bucket, keys, token=page["NextContinuationToken"])
                self.found.put(page.get("Contents", []))

    def _shared_prefix(self, keys: _Range, last: str) -> str:
        """The shortest start of `last` such that the range holds keys behind all that start so; "" where there is none."""
        if not self._has_key_behind(keys, last):
            return ""
        no, yes = len(keys.prefix), len(last)
        while yes - no > 1:
            middle = (no + yes) // 2
            if self._has_key_behind(keys, last[:middle]):
                yes = middle
            else:
                no = middle
        return last[:yes]

    def _has_key_behind(self, keys: _Range, start: str) -> bool:
        after = start + _LAST
        found = _list(self.client, self.bucket, _Range(keys.prefix, after), most=1).get("Contents", [])
        return bool(found) and found[0]["Key"] > after  # a store that ignores StartAfter is listed page by page

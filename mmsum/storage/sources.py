"""SRC as the user gives it -> the objects it stands for: a file, a folder, a pattern, or a list of URIs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from mmsum.errors import CredentialsRefused, ObjectForbidden, ObjectNotFound, SourceError, UsageError
from mmsum.records import ObjectRef
from mmsum.storage import stores
from mmsum.storage.parquet import open_parquet
from mmsum.storage.uris import is_local, normalize, resolve

_WILDCARD = re.compile(r"[*?\[]")


def list_source(source: str) -> Iterator[ObjectRef]:
    """The objects of SRC: a file, a folder or prefix, a pattern (`*`, `?`, `[ab]`, `**`), or a list of URIs.

    A single file that ends in .txt or .parquet is a list. Names that start with a dot, and empty markers of folders,
    are left out. The order is the store's. May give nothing: a folder can be empty.

    Raises SourceError where SRC does not exist or may not be listed, StorageError where the store is in trouble.
    """
    uri = normalize(source)
    store = stores.of(uri)
    try:
        if _is_list(uri) and store.stat(uri) is not None:
            yield from read_uri_list(uri)
            return
        if is_local(uri) and not _WILDCARD.search(uri) and not store.folder_exists(uri) and store.stat(uri) is None:
            raise SourceError(f"{uri}: no such file or folder; check the name")
        yield from list_objects(source)
    except (ObjectNotFound, ObjectForbidden, CredentialsRefused) as error:
        raise SourceError(str(error)) from error


def list_objects(source: str) -> Iterator[ObjectRef]:
    """The objects that a file, folder, prefix or pattern stands for. Nothing where there is none, as on object stores.

    In patterns `*`, `?` and `[ab]` stay within one name and `**` stands for any number of folders: `s3://b/x/**` is
    everything below x, `/archive/*/*.pdf` the PDFs in folders of /archive. Raises StorageError and its kinds.
    """
    uri = normalize(source)
    store = stores.of(uri)
    if not source.endswith("/") and (ref := _object_at(uri)) is not None:
        yield ref
    elif _WILDCARD.search(uri) and not store.folder_exists(uri):
        yield from _matching(uri)
    else:
        yield from store.walk(uri)


def _object_at(uri: str) -> ObjectRef | None:
    try:
        return stores.of(uri).stat(uri)
    except ObjectForbidden:  # some policies allow a folder to be listed and nothing of its own name to be read
        return None


def _matching(pattern: str) -> Iterator[ObjectRef]:
    folder = pattern[: pattern.rindex("/", 0, _start_of_wildcard(pattern))]
    below = pattern[len(folder) + 1 :]
    parts = below.split("/")
    starts_with = below[: _start_of_wildcard(below)].partition("/")[0]
    depth = None if "**" in parts else len(parts)
    for ref in stores.of(pattern).walk(folder or "/", starts_with, depth):
        if _matches(ref.uri[len(folder) + 1 :].split("/"), parts):
            yield ref


def _start_of_wildcard(text: str) -> int:
    found = _WILDCARD.search(text)
    assert found is not None
    return found.start()


def _matches(names: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not names
    if pattern[0] == "**":
        return any(_matches(names[skipped:], pattern[1:]) for skipped in range(len(names) + 1))
    return bool(names) and fnmatchcase(names[0], pattern[0]) and _matches(names[1:], pattern[1:])


def _is_list(uri: str) -> bool:
    return uri.lower().endswith((".txt", ".parquet"))


def read_uri_list(source: str) -> Iterator[ObjectRef]:
    """The objects named by a list, each once, in the list's order.

    .txt: one URI a line; blank lines and lines that start with `#` do not count. .parquet: a column `uri`, and
    `size` (bytes) and `version` (ETag) where it has them. Relative names are relative to the list's folder. Sizes and
    versions that the list does not give are looked up for local files, and -1 and "" for others.

    Raises SourceError, naming the line, for what is not a URI, and where all are local files and none is there;
    StorageError and its kinds where it cannot be read.
    """
    uri = normalize(source)
    folder = uri.rpartition("/")[0] or "/"
    rows = _parquet_rows(uri) if uri.lower().endswith(".parquet") else _text_rows(uri)
    seen = set[str]()
    missing: list[ObjectRef] | None = []  # until one is found
    for place, name, size, version in rows:
        try:
            target = resolve(name, folder)
        except UsageError as error:
            raise SourceError(f"{uri}, {place}: {error}") from error
        if target in seen:
            continue
        seen.add(target)
        asked = not version and is_local(target)
        ref = (_object_at(target) if asked else None) or ObjectRef(target, size, version)
        if missing is not None and asked and ref.size < 0:
            missing.append(ref)
            continue
        if missing:
            yield from missing
        missing = None
        yield ref
    if missing:
        raise SourceError(
            f"{uri}: a list of documents, of which none of {len(missing)} is there (first: {_short(missing[0].uri)}); check "
            "the names. To summarize a text file itself, give its folder, or a list with its name in it"
        )


def _short(name: str) -> str:
    return name if len(name) <= 120 else f"{name[:117]}..."


def _text_rows(uri: str) -> Iterator[tuple[str, str, int, str]]:
    try:
        text = stores.of(uri).read(uri).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{uri}: not UTF-8 text; a .txt source is a list of URIs, one a line") from error
    for number, line in enumerate(text.split("\n"), start=1):
        name = line.strip()
        if name and not name.startswith("#"):
            yield f"line {number}", name, -1, ""


def _parquet_rows(uri: str) -> Iterator[tuple[str, str, int, str]]:
    import pyarrow as pa

    try:
        file = open_parquet(uri)
        names = file.schema_arrow.names
        if "uri" not in names:
            raise SourceError(f"{uri}: no column `uri`, only {', '.join(names)}; a .parquet source is a list of URIs")
        columns = [name for name in ("uri", "size", "version") if name in names]
        for start, batch in enumerate(file.iter_batches(columns=columns, batch_size=1 << 16)):
            for number, row in enumerate(batch.to_pylist(), start=(start << 16) + 1):
                if not isinstance(row["uri"], str) or not row["uri"]:
                    raise SourceError(f"{uri}, row {number}: `uri` is {row['uri']!r}; give every row a URI")
                version = str(row.get("version") or "").strip('"')
                try:
                    size = -1 if row.get("size") is None else int(row["size"])
                except (TypeError, ValueError):
                    raise SourceError(
                        f"{uri}, row {number}: `size` is {row['size']!r}; give bytes, or leave the column out"
                    ) from None
                yield f"row {number}", row["uri"], size, version
    except pa.ArrowInvalid as error:
        raise SourceError(f"{uri}: not a Parquet file; a .parquet source is a list of URIs") from error

"""Names of objects: one canonical spelling for each, with no secrets in it."""

from __future__ import annotations

import os
import posixpath
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes

from mmsum.errors import UsageError

_SCHEMES = {"s3": "s3", "s3a": "s3", "s3n": "s3", "gs": "gs", "gcs": "gs", "abfss": "abfss", "abfs": "abfss"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")

# Only queries with a parameter that signs or authorizes are cut: `page.html?id=7` is an ordinary key of a mirror.
_SIGNED_QUERY = re.compile(
    r"\?(?:[^?]*&)?(?:x-amz-[^=/]*|x-goog-[^=/]*|x-ms-[^=/]*|awsaccesskeyid|googleaccessid|signature|sig|"
    r"(?:access|security|session|auth)?[_-]?token|api[_-]?key|password|secret|credential)=.*",
    re.IGNORECASE | re.DOTALL,
)


def scheme_of(uri: str) -> str:
    """`s3`, `gs` or `abfss`; empty for a local path or file://. Raises UsageError for any other scheme."""
    match = _SCHEME.match(uri)
    if match is None or match[1].lower() == "file":
        return ""
    try:
        return _SCHEMES[match[1].lower()]
    except KeyError:
        raise UsageError(
            f"{without_secrets(uri)}: no way to read {match[1]}://; "
            "give a local path, file://, s3://, gs:// or abfss://"
        ) from None


def is_local(uri: str) -> bool:
    """Whether `uri` is a path of this machine (with or without file://)."""
    return scheme_of(uri) == ""


def normalize(uri: str) -> str:
    """The canonical name of an object or folder: what document ids are made of.

    Local: an absolute path without scheme, `~` expanded, `.` and `..` collapsed, symbolic links kept. A path that is
    not UTF-8 becomes file:// with percent signs, since rows hold text. Remote: one spelling of the scheme, no user
    name or password, no signed query, no slash at the end; keys are otherwise kept letter for letter.
    """
    if not uri.strip():
        raise UsageError("an empty name stands where a file, a folder or a URI should; was a shell variable not set?")
    scheme = scheme_of(uri)
    if not scheme:
        return from_path(local_path(uri))
    address = without_secrets(uri)[uri.index("://") + 3 :].rstrip("/")
    return f"{scheme}://{address}"


def without_secrets(uri: str) -> str:
    """A remote URI without user name, password and signed query (abfss keeps `container@`)."""
    match = _SCHEME.match(uri)
    if match is None:
        return uri
    authority, slash, path = uri[match.end() :].partition("/")
    user, at, host = authority.rpartition("@")
    container = user.partition(":")[0]
    if at and match[1].lower().startswith("abfs") and container:
        host = f"{container}@{host}"
    return match[0] + _SIGNED_QUERY.sub("", host + slash + path)


def local_path(uri: str) -> str:
    """The absolute path behind a local URI, as the file system wants it."""
    if (match := _SCHEME.match(uri)) is not None:
        host, slash, rest = uri[match.end() :].partition("/")
        if host not in ("", "localhost"):
            raise UsageError(f"{uri}: file:// names another machine, {host}; write file:///path")
        uri = os.fsdecode(unquote_to_bytes(slash + rest))
    path = os.path.abspath(os.path.expanduser(uri))
    return "/" + path.lstrip("/")  # POSIX lets abspath keep a double slash at the start


def from_path(path: str) -> str:
    """The canonical name of an absolute local path."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "file://" + quote_from_bytes(os.fsencode(path))
    return path


def join(base: str, *parts: str) -> str:
    """`base` and `parts` with one slash between them: join("s3://b/out", "_run", "plan") -> "s3://b/out/_run/plan"."""
    start = base.rstrip("/")
    return "/".join([start, *(part.strip("/") for part in parts if part.strip("/"))]) or "/"


def resolve(name: str, folder: str) -> str:
    """`name` as written in a list that lies in `folder`: relative names are relative to it."""
    if _SCHEME.match(name) or name.startswith("/") or os.path.expanduser(name) != name:
        return normalize(name)  # `~b.md` is a name like others where no user is called so
    scheme = scheme_of(folder)
    if not scheme:
        return normalize(os.path.join(local_path(folder), name))
    bucket, key = split(folder)
    return normalize(f"{scheme}://{bucket}/{posixpath.normpath(posixpath.join(key, name))}")


def split(uri: str) -> tuple[str, str]:
    """(bucket, key) of a remote URI; for abfss the bucket is `container@account-host`. The key may be empty."""
    bucket, _, key = uri[uri.index("://") + 3 :].partition("/")
    return bucket, key

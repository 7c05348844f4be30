"""The Python interface. Heavy packages are imported when a function is called, not before."""

from __future__ import annotations

from os import PathLike, fspath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from mmsum.config import Config
    from mmsum.generation.summarizer import SummarizerFactory
    from mmsum.pipeline.summarize import Result


def summarize(
    source: str | PathLike[str],
    out: str | PathLike[str],
    config: Config | None = None,
    *,
    preset: str | None = None,
    limit: int | None = None,
    snapshot: str | None = None,
    restart: bool = False,
    retry: str | None = None,
    summarizer: str | SummarizerFactory | None = None,
    show: bool = False,
    **settings: Any,
) -> Result:
    """Summarizes the documents of `source` into Parquet under `out`, on Ray.

    source: a file, a folder, a glob, an object-store prefix, or a .txt/.parquet list of URIs. `settings` are config keys,
    nested ones as dictionaries (``limits={"pages": 50}``). The same call again resumes; ``retry="failed"`` also takes
    the documents whose row is a failure, ``retry="partial"`` those that were read in part as well. `summarizer` is the
    config key ("fused" or "lead"), or a callable that takes the config and gives a `Summarizer`. `show` prints progress.

    Raises mmsum.errors.UsageError for wrong arguments, EnvironmentFailure when the run cannot go on.
    """
    from mmsum.config import load_config
    from mmsum.errors import ConfigError
    from mmsum.generation.summarizer import build_summarizer, check_summarizer
    from mmsum.pipeline.summarize import summarize as run
    from mmsum.screen import open_console

    if config is not None and (preset or settings or isinstance(summarizer, str)):
        raise ConfigError("config: give either a Config, or a preset and settings, not both")
    if snapshot not in (None, "new"):
        raise ConfigError(f"snapshot: {snapshot!r} is not known; the only value is 'new'")
    if retry not in (None, "failed", "partial"):
        raise ConfigError(f"retry: {retry!r} is not known; the values are 'failed' and 'partial'")
    if limit is not None and limit < 1:
        raise ConfigError(f"limit: {limit} is no number of documents above 0")
    if isinstance(summarizer, str):
        settings["summarizer"] = summarizer
    config = config or load_config(preset=preset, **settings)
    if not callable(summarizer):
        config = check_summarizer(config)
    return run(
        fspath(source),
        fspath(out),
        config,
        limit=limit,
        new=snapshot == "new",
        restart=restart,
        retry=retry,
        summarizer=summarizer if callable(summarizer) else build_summarizer,
        console=open_console() if show else None,
    )


def read_summaries(out: str | PathLike[str]) -> pa.Table:
    """The newest row of every document under `out`, sorted by URI, as an Arrow table (`mmsum.records.SUMMARY_SCHEMA`).

    Raises mmsum.errors.SourceError where no run has been started in `out`.
    """
    from mmsum import storage
    from mmsum.pipeline.reading import read_summaries as read
    from mmsum.pipeline.snapshots import newest_plan

    out = storage.normalize(fspath(out))
    newest_plan(out)
    return read(out)

"""A real corpus through the main job twice: from a folder, and from a real S3 server on loopback, in and out.

    python benchmarks/corpus.py [FOLDER] [--work DIR] [--set key=value ...]

Each run is the command a user types, `mmsum summarize SRC OUT --preset pocket`; started again after a kill, it resumes.
Prints each run's own table, then checks that the set of document ids equals the plan, and what the rows say.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import mmsum
from mmsum import storage
from mmsum.pipeline.snapshots import latest_snapshot

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/servers.py: the S3 server

from tests.servers import rclone_s3


def run(source: str, out: str, sets: list[str]) -> None:
    """One `mmsum summarize`, as typed, and the check of its rows."""
    command = [sys.executable, "-m", "mmsum.cli", "summarize", source, out, "--preset", "pocket"]
    command += [part for item in sets for part in ("--set", item)]
    print(f"\n$ mmsum {' '.join(command[3:])}", flush=True)
    code = subprocess.run(command).returncode
    snapshot = latest_snapshot(storage.normalize(out))
    if code or snapshot is None:
        sys.exit(f"{source}: mmsum summarize ended with exit code {code}")
    rows = mmsum.read_summaries(out)
    ids = rows["document_id"].to_pylist()
    same = set(ids) == snapshot.ids() and len(ids) == len(set(ids))
    print(f"exit code {code}; {len(ids)} rows; ids equal the plan, none twice: {same}")
    print(f"rows by status: {dict(Counter(rows['status'].to_pylist()))}")
    written = [text for text in rows["summary"].to_pylist() if text]
    print(f"mean summary: {sum(len(text.split()) for text in written) / max(len(written), 1):.0f} words", flush=True)
    if not same:
        sys.exit("the rows are not the planned documents")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    data = os.environ.get("MMSUM_DATA")
    parser.add_argument("folder", nargs="?", type=Path, default=Path(data, "joss", "pdf") if data else None)
    parser.add_argument("--work", type=Path, help="keep outputs here, so that a second call resumes")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--only", choices=["local", "s3"])
    given = parser.parse_args()
    if given.folder is None:
        sys.exit("give a FOLDER of documents, or set MMSUM_DATA")
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        if given.only != "s3":
            run(str(given.folder), str(work / "local"), given.set)
        if given.only != "local":
            bucket = work / "served" / "bucket"
            bucket.mkdir(parents=True, exist_ok=True)
            if not (bucket / "docs").exists():
                subprocess.run(["cp", "-r", str(given.folder), str(bucket / "docs")], check=True)
            with rclone_s3(work / "served") as server:
                os.environ.update(server.env)
                run("s3://bucket/docs/", "s3://bucket/out", given.set)


if __name__ == "__main__":
    main()

"""Scale: a plan of a million objects, its resume, and the cost per document at two sizes of archive.

    python benchmarks/scale.py plan [--objects 1000000] [--page-seconds 0.1]
    python benchmarks/scale.py run [--documents 1000 1000 1000 100000] [--plot benchmarks/scale.png]

plan  lists an HTTP stub of S3 (1,000 keys a page, each page after 100 ms, as a far store would), writes the plan, then
      resumes it with half of its parts committed. Seconds, CPU time and peak memory of the planning process.
run   `mmsum.summarize` with the lead summarizer over generated texts of 1 kB: time and CPU time (of all processes) a
      document after the first shard, and the driver's memory while documents pass. A size given again is run again, and
      its median counts. --plot: memory and rate over documents.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import resource
import sys
import tempfile
import threading
import time
from bisect import bisect_left, bisect_right
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

sys.path.insert(0, str(Path(__file__).parent.parent))  # tests/: processes below this one

from tests.chaos.killing import descendants

PAGE = 1000


def key_of(number: int) -> str:
    """Keys as an archive has them: folders of 5,000 reports."""
    return f"docs/{number // 5000:04d}/report-{number:08d}.pdf"


def serve_listing(objects: int, page_seconds: float, tell: Connection) -> None:
    """A process: S3's ListObjectsV2 over keys that are computed, each answer after `page_seconds`."""
    keys = range(objects)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            prefix, most = query.get("prefix", ""), min(int(query.get("max-keys", PAGE)), PAGE)
            begin = bisect_left(keys, prefix, key=key_of)
            end = bisect_right(keys, prefix + "\U0010ffff", key=key_of)
            if after := query.get("continuation-token") or query.get("start-after"):
                begin = max(begin, bisect_right(keys, after, key=key_of))
            last = min(begin + most, end)
            entries = "".join(
                f"<Contents><Key>{key_of(n)}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified>"
                f"<ETag>&quot;{n:032x}&quot;</ETag><Size>{20_000 + n % 900_000}</Size>"
                "<StorageClass>STANDARD</StorageClass></Contents>"
                for n in range(begin, last)
            )
            more = f"<NextContinuationToken>{key_of(last - 1)}</NextContinuationToken>" if last < end else ""
            body = (
                '<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name>'
                f"<IsTruncated>{'true' if last < end else 'false'}</IsTruncated>{more}{entries}</ListBucketResult>"
            ).encode()
            time.sleep(page_seconds)
            self.send_response(200)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    tell.send(server.server_address[1])
    server.serve_forever()


def plan_once(out: str, tell: Connection) -> None:
    """A process: the catalog and the plan as `mmsum summarize` makes them, timed."""
    import mmsum.storage  # noqa: F401  what a driver has loaded before it plans
    from mmsum.config import load_config
    from mmsum.pipeline.plan import open_snapshot

    config = load_config(summarizer="lead")
    started, cpu = time.perf_counter(), time.process_time()
    snapshot, created = open_snapshot("s3://bucket/docs/", out, config)
    done = snapshot.committed()
    missing = [shard for shard in range(snapshot.shards) if shard not in done]
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell.send((created, snapshot.count(), snapshot.digest, snapshot.shards, len(missing), seconds, cpu, peak))


def plan(objects: int, page_seconds: float) -> None:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=serve_listing, args=(objects, page_seconds, there), daemon=True)
    server.start()
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{here.recv()}",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    one_by_one = objects / PAGE * page_seconds
    print(
        f"{objects} objects, {PAGE} keys in {page_seconds * 1000:.0f} ms a page: {one_by_one:.0f} s of waiting one by one"
    )
    try:
        with tempfile.TemporaryDirectory() as out:
            for what in ("plan", "resume"):
                planner = spawn.Process(target=plan_once, args=(out, there))
                planner.start()
                created, count, digest, shards, missing, seconds, cpu, peak = here.recv()
                planner.join()
                print(
                    f"{what:7} {seconds:6.1f} s ({cpu:.1f} s of CPU), peak {peak:5.0f} MB; "
                    f"{count} documents in {shards} shards, {missing} to do",
                    flush=True,
                )
                if count != objects or created != (what == "plan"):
                    sys.exit(f"{what}: {count} documents planned of {objects}")
                parts = Path(out, "summaries", digest)
                parts.mkdir(parents=True, exist_ok=True)
                for shard in range(0, shards, 2):
                    (parts / f"part-{shard:06d}.parquet").write_bytes(b"rows")
    finally:
        server.terminate()
        server.join()


SENTENCE = "The town library lent {n} books in week {w}, and nobody had expected that many in a season so wet. "


def make_archive(folder: Path, documents: int) -> Path:
    for number in range(documents):
        if number % 1000 == 0:
            (folder / f"{number // 1000:03d}").mkdir(parents=True)
        text = "".join(SENTENCE.format(n=number + week, w=week) for week in range(10))
        (folder / f"{number // 1000:03d}" / f"report-{number:06d}.txt").write_text(f"# Report {number}\n\n{text}\n")
    return folder


@dataclass
class Sample:
    """What was seen at one moment of a run."""

    at: float  # Unix time
    memory: float  # MB resident of the driver
    cpu: float  # seconds spent by the driver and all processes below it
    documents: int = 0  # committed


@dataclass
class Curve:
    """One run: what was seen after its first commit, and (seconds since that, documents committed)."""

    seen: list[Sample]
    committed: list[tuple[float, int]]
    wall: float  # seconds of the whole run

    def cost(self, begin: float = 0.0, end: float = 1.0) -> tuple[float, float]:
        """(ms, ms of CPU) a document over a part of the documents; begin and end are shares of them."""
        total = self.committed[-1][1]
        commits = [(at, n) for at, n in self.committed if begin * total <= n <= end * total]
        (first, before), (last, after) = commits[0], commits[-1]
        seen = [sample for sample in self.seen if before <= sample.documents <= after]
        cpu = (seen[-1].cpu - seen[0].cpu) / max(seen[-1].documents - seen[0].documents, 1)
        return 1000 * (last - first) / max(after - before, 1), 1000 * cpu

    def memory_at(self, share: float) -> float:
        return next(sample.memory for sample in self.seen if sample.documents >= share * self.committed[-1][1])


def look(spent: dict[int, int]) -> Sample:
    """spent: {pid: ticks} of every process seen so far; what one that ended had spent stays counted."""
    for pid in descendants(os.getpid()):
        with suppress(OSError):
            spent[pid] = sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20
    return Sample(time.time(), resident, sum(spent.values()) / os.sysconf("SC_CLK_TCK"))


def run_once(documents: int) -> Curve:
    """One run over a new archive."""
    import mmsum
    from mmsum import storage
    from mmsum.config import load_config
    from mmsum.pipeline.runlog import read_logs

    with tempfile.TemporaryDirectory() as folder:
        archive = make_archive(Path(folder, "archive"), documents)
        os.sync()  # or the run's own syncs wait for the archive's
        out = str(Path(folder, "out"))
        samples: list[Sample] = []
        done = threading.Event()

        def sample() -> None:
            spent: dict[int, int] = {}
            while not done.wait(0.5):
                samples.append(look(spent))

        sampler = threading.Thread(target=sample)
        sampler.start()
        try:
            result = mmsum.summarize(archive, out, load_config(summarizer="lead", resources={"object_store_mb": 500}))
        finally:
            done.set()
            sampler.join()
        if result.totals.documents != documents:
            sys.exit(f"{result.totals.documents} documents of {documents}")
        [(_, events)] = read_logs(storage.normalize(out), 1)
    shards = [(event["at"], event["documents"]) for event in events if event["event"] == "shard"]
    begin, end = shards[0][0], shards[-1][0]
    committed = list(zip((at - begin for at, _ in shards), accumulate(n for _, n in shards), strict=True))
    times = [at for at, _ in committed]
    seen = [sample for sample in samples if begin <= sample.at <= end]
    for mark in seen:
        mark.documents = committed[bisect_right(times, mark.at - begin) - 1][1]
    seen[-1].documents = documents
    return Curve(seen, committed, result.totals.wall)


def run(sizes: list[int], plot: Path | None) -> None:
    curves: dict[int, list[Curve]] = {}
    for documents in sizes:
        curve = run_once(documents)
        curves.setdefault(documents, []).append(curve)
        first, second = curve.cost(0, 0.5), curve.cost(0.5, 1)
        print(
            f"{documents:7} documents: {curve.wall:6.1f} s; {first[0]:.2f} ms a document in the first half, {second[0]:.2f} in "
            f"the second, {first[1]:.2f} and {second[1]:.2f} of CPU; driver "
            f"{', '.join(f'{curve.memory_at(share):.0f}' for share in (0, 0.1, 0.5, 1))} MB resident at 0, 10, 50 and "
            "100 % of them",
            flush=True,
        )
        if plot:
            draw({size: runs[0] for size, runs in curves.items()}, plot)
    # Second halves: workers are still being started in the first half of a small archive.
    small, large = ([curve.cost(0.5, 1) for curve in curves[size]] for size in (sizes[0], sizes[-1]))
    wall, cpu = (median(c[which] for c in large) / median(c[which] for c in small) for which in (0, 1))
    print(f"a document at {sizes[-1]} over {sizes[0]}, second halves: {wall:.2f}, of CPU {cpu:.2f}")


def rates(curve: Curve) -> list[tuple[int, float]]:
    """(documents committed, documents/s over a twentieth of the time, two seconds at least: commits come in lumps)."""
    window, points = max(curve.committed[-1][0] / 20, 2.0), []
    earlier, before = curve.committed[0]
    for at, n in curve.committed:
        if at - earlier >= window:
            points.append((n, (n - before) / (at - earlier)))
            earlier, before = at, n
    return points


def draw(curves: dict[int, Curve], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4))
    for size, curve in curves.items():
        memory = [(sample.documents, sample.memory) for sample in curve.seen]
        left.plot(*zip(*memory, strict=True), label=f"{size:,} documents")
        right.plot(*zip(*rates(curve), strict=True), marker=".", label=f"{size:,} documents")
    left.set(xlabel="documents committed", ylabel="driver, MB resident", ylim=(0, None), xscale="log")
    right.set(xlabel="documents committed", ylabel="documents/s", ylim=(0, None), xscale="log")
    left.legend()
    right.legend()
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("plan")
    part.add_argument("--objects", type=int, default=1_000_000)
    part.add_argument("--page-seconds", type=float, default=0.1)
    part = parts.add_parser("run")
    part.add_argument("--documents", type=int, nargs="+", default=[1000, 100_000])
    part.add_argument("--plot", type=Path)
    given = parser.parse_args()
    if given.part == "plan":
        plan(given.objects, given.page_seconds)
    else:
        run(given.documents, given.plot)


if __name__ == "__main__":
    main()

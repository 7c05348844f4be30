"""Snapshots: what is planned, when a new one is made, what a resume refuses."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmsum import storage
from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, SnapshotMismatch, SourceError
from mmsum.pipeline.plan import cut_shards, open_snapshot
from mmsum.pipeline.snapshots import Snapshot, check_out_is_here, snapshots
from mmsum.records import ObjectRef, document_id
from tests.conftest import write_archive

LEAD = load_config(summarizer="lead", shard_size=3)


def plan(source: Path, out: Path, **options: object) -> tuple[Snapshot, bool]:
    return open_snapshot(str(source), str(out), LEAD, **options)  # type: ignore[arg-type]


def finish(snapshot: Snapshot) -> None:
    """Commits every shard, as far as planning can see."""
    for shard in range(snapshot.shards):
        storage.create(snapshot.part_uri(shard), b"rows")


def planned(snapshot: Snapshot, op: str = "summarize") -> list[str]:
    rows = snapshot.documents.to_pylist()
    return [Path(row["uri"]).name for row in rows if row["op"] == op]


def test_first_plan_holds_every_document_once(archive: Path, tmp_path: Path) -> None:
    snapshot, created = plan(archive, tmp_path / "out")
    assert created
    assert (snapshot.number, snapshot.shards, snapshot.count()) == (1, 3, 7)
    assert planned(snapshot) == sorted(p.name for p in archive.iterdir())
    assert snapshot.ids() == {document_id(str(p)) for p in archive.iterdir()}
    assert [table.num_rows for table in snapshot.shard_tables(range(3))] == [3, 3, 1]


def test_an_unfinished_plan_is_continued_even_when_the_archive_grew(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out")
    (archive / "zz.txt").write_text("new")
    again, created = plan(archive, tmp_path / "out")
    assert not created
    assert again.digest == first.digest


def test_after_a_finished_plan_come_new_changed_and_vanished_documents(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out")
    finish(first)
    assert plan(archive, tmp_path / "out")[1] is False
    (archive / "zz.txt").write_text("new")
    (archive / "report-001.txt").write_text("changed")
    (archive / "report-002.txt").unlink()
    second, created = plan(archive, tmp_path / "out")
    assert created
    assert second.number == 2
    assert planned(second) == ["report-001.txt", "zz.txt"]
    assert planned(second, "delete") == ["report-002.txt"]
    finish(second)
    assert plan(archive, tmp_path / "out")[1] is False


def test_snapshot_new_plans_everything_again(archive: Path, tmp_path: Path) -> None:
    finish(plan(archive, tmp_path / "out")[0])
    second, created = plan(archive, tmp_path / "out", new=True)
    assert created
    assert (second.number, second.count()) == (2, 7)


@pytest.mark.parametrize("killed", [False, True])
def test_another_source_s_documents_keep_their_rows(archive: Path, tmp_path: Path, killed: bool) -> None:
    """Whether or not the command that changed SRC was killed after it had planned: they are somewhere else, not gone."""
    other = write_archive(tmp_path / "other", 2)
    finish(plan(archive, tmp_path / "out")[0])
    second, _ = plan(other, tmp_path / "out", new=True)
    if killed:
        assert plan(other, tmp_path / "out", new=True)[1] is False
    finish(second)
    assert plan(other, tmp_path / "out")[1] is False
    (other / "report-001.txt").unlink()
    (archive / "report-006.txt").unlink()
    third, _ = plan(other, tmp_path / "out")
    assert third.documents["uri"].to_pylist() == [str(other / "report-001.txt")]
    finish(third)
    back, _ = plan(archive, tmp_path / "out", new=True)
    assert planned(back, "delete") == ["report-006.txt"] and back.count() == 7


def test_snapshot_new_goes_on_with_what_it_began(archive: Path, tmp_path: Path) -> None:
    """Or the command that was killed would begin at the beginning each time it is run again."""
    plan(archive, tmp_path / "out")
    second, created = plan(archive, tmp_path / "out", new=True)
    assert (second.number, created) == (2, True), "the first one was not planned by it"
    again, created = plan(archive, tmp_path / "out", new=True)
    assert (again.digest, created) == (second.digest, False)
    assert plan(archive, tmp_path / "out", new=True, limit=2)[0].number == 3
    other = load_config(summarizer="lead", limits={"pages": 3})
    fourth, created = open_snapshot(str(archive), str(tmp_path / "out"), other, new=True)
    assert (fourth.number, created) == (4, True), "with other settings it is another one"
    finish(fourth)
    assert open_snapshot(str(archive), str(tmp_path / "out"), other, new=True)[0].number == 5


def test_restart_deletes_rows_and_plans(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out")
    finish(first)
    again, created = plan(archive, tmp_path / "out", restart=True)
    assert created
    assert again.number == 1
    assert again.committed() == set()


def test_restart_deletes_nothing_of_somebody_else_s(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    finish(plan(archive, out)[0])
    own = [out / "summaries" / "mine.txt", out / "crops" / "thesis.docx", out / "summaries" / ("a" * 16) / "notes.txt"]
    for path in own:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("mine")
    again, _ = plan(archive, out, restart=True)
    assert again.committed() == set()
    assert all(path.read_text() == "mine" for path in own)


@pytest.mark.parametrize("name", ["mine/part-00000-abc.parquet", "feedfeedfeedfeed/part-00000-abc.parquet"])
def test_parts_of_other_programs_are_no_commits(archive: Path, tmp_path: Path, name: str) -> None:
    """Spark names its parts so."""
    first, _ = plan(archive, tmp_path / "out")
    path = tmp_path / "out" / "summaries" / name
    path.parent.mkdir(parents=True)
    path.write_bytes(b"somebody's own")
    assert first.committed() == set()
    finish(first)
    assert first.committed() == {0, 1, 2}


def test_what_a_plan_that_was_given_up_left_undone_is_planned_again(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out")
    storage.create(first.part_uri(0), b"rows")  # three of seven, then it was stopped
    trial, _ = plan(archive, tmp_path / "out", new=True, limit=2)
    finish(trial)
    rest, created = plan(archive, tmp_path / "out")
    assert created and planned(rest) == sorted(path.name for path in archive.iterdir())[3:]
    finish(rest)
    assert plan(archive, tmp_path / "out")[1] is False


def test_limit_belongs_to_the_snapshot(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out", limit=2)
    assert planned(first) == ["report-000.txt", "report-001.txt"]
    assert plan(archive, tmp_path / "out")[0].digest == first.digest  # still open: finished first
    finish(first)
    assert plan(archive, tmp_path / "out", limit=2)[1] is False
    rest, created = plan(archive, tmp_path / "out")
    assert created
    assert planned(rest) == [f"report-{n:03d}.txt" for n in range(2, 7)]


def test_other_answers_are_refused_with_the_difference(archive: Path, tmp_path: Path) -> None:
    plan(archive, tmp_path / "out")
    other = load_config(summarizer="lead", limits={"pages": 3})
    with pytest.raises(SnapshotMismatch, match="limits.pages: 2000 then, 3 now"):
        open_snapshot(str(archive), str(tmp_path / "out"), other)
    faster = load_config(summarizer="lead", resources={"parse_cpus": 2})
    assert open_snapshot(str(archive), str(tmp_path / "out"), faster)[1] is False
    assert open_snapshot(str(archive), str(tmp_path / "out"), other, new=True)[1] is True


def test_failures_are_retried_under_other_limits(archive: Path, tmp_path: Path) -> None:
    """As for what took too long; the run after that may have the limits of before."""
    out = str(tmp_path / "out")
    first, _ = plan(archive, tmp_path / "out")
    patient = load_config(summarizer="lead", limits={"seconds_per_document": 900.0})
    failed, cut, *_ = first.documents["uri"].to_pylist()
    again = {failed: "failed", cut: "partial"}
    with pytest.raises(SnapshotMismatch, match="seconds_per_document"):
        open_snapshot(str(archive), out, patient, again=again)
    finish(first)
    with pytest.raises(SnapshotMismatch, match="seconds_per_document"):
        open_snapshot(str(archive), out, patient)
    shorter = load_config(summarizer="lead", limits={"seconds_per_document": 900.0}, generation={"summary_tokens": 99})
    with pytest.raises(SnapshotMismatch, match=r"\(generation.summary_tokens: \d+ then, 99 now\)"):
        open_snapshot(str(archive), out, shorter, again=again)
    retried, created = open_snapshot(str(archive), out, patient, again=again)
    assert created
    assert retried.documents["uri"].to_pylist() == [failed, cut]
    assert retried.documents["op"].to_pylist() == ["retry", "summarize"]
    with pytest.raises(SnapshotMismatch, match="seconds_per_document"):
        plan(archive, tmp_path / "out")
    finish(retried)
    other = load_config(summarizer="lead", limits={"seconds_per_document": 700.0})
    with pytest.raises(SnapshotMismatch, match="seconds_per_document: 300.0 then, 700.0 now"):
        open_snapshot(str(archive), out, other)
    assert open_snapshot(str(archive), out, patient)[1] is False
    (archive / "zz.txt").write_text("new")
    third, created = plan(archive, tmp_path / "out")
    assert (planned(third), created) == (["zz.txt"], True)


def test_another_source_is_refused(archive: Path, tmp_path: Path) -> None:
    plan(archive, tmp_path / "out")
    other = write_archive(tmp_path / "other", 1)
    with pytest.raises(SnapshotMismatch, match="SRC: "):
        plan(other, tmp_path / "out")


def test_the_output_inside_the_source_is_not_summarized(archive: Path) -> None:
    finish(plan(archive, archive / "out")[0])
    assert plan(archive, archive / "out")[1] is False


def test_documents_beside_the_output_are_summarized(archive: Path) -> None:
    """Only what a run writes itself is left out, wherever OUT is."""
    first, _ = plan(archive, archive)
    assert first.count() == 7
    finish(first)
    (archive / "report.html").write_text("<p>the report</p>")
    assert plan(archive, archive)[1] is False
    (archive / "summaries" / "notes.txt").write_text("not ours, though in a folder of ours")
    (archive / "report.html.md").write_text("nor is this")
    assert planned(plan(archive, archive)[0]) == ["report.html.md", "notes.txt"]


def test_an_output_on_disk_has_to_be_there_on_every_node(archive: Path, tmp_path: Path) -> None:
    first, _ = plan(archive, tmp_path / "out")
    check_out_is_here(first.out, first.number, "10.0.0.3")
    (tmp_path / "out").rename(tmp_path / "elsewhere")
    with pytest.raises(EnvironmentFailure, match=r"out: on node 10\.0\.0\.3 the plan of this run is not there"):
        check_out_is_here(first.out, first.number, "10.0.0.3")


def test_nothing_is_written_when_the_source_is_missing_or_empty(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere"):
        plan(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match="nothing to summarize"):
        plan(tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_racing_planners_agree(archive: Path, tmp_path: Path) -> None:
    results: list[tuple[Snapshot, bool]] = []
    configs = [load_config(summarizer="lead", shard_size=size) for size in (1, 2, 3, 4)]
    barrier = threading.Barrier(len(configs))

    def race(index: int) -> None:
        barrier.wait()
        results.append(open_snapshot(str(archive), str(tmp_path / "out"), configs[index]))

    threads = [threading.Thread(target=race, args=(index,)) for index in range(len(configs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({snapshot.digest for snapshot, _ in results}) == 1
    assert sum(created for _, created in results) == 1
    assert len(snapshots(str(tmp_path / "out"))) == 1


@given(st.lists(st.integers(-1, 50), max_size=40), st.integers(1, 7), st.integers(1, 100))
def test_shards_are_full_but_never_over(sizes: list[int], most: int, most_bytes: int) -> None:
    refs = [ObjectRef(f"/{n:03d}", size, "") for n, size in enumerate(sizes)]
    shards = list(cut_shards(refs, most, most_bytes))
    assert shards == sorted(shards)
    assert set(shards) == set(range(len(set(shards))))
    for shard in set(shards):
        held = [max(s, 0) for s, at in zip(sizes, shards, strict=True) if at == shard]
        assert len(held) <= most
        assert len(held) == 1 or sum(held) <= most_bytes


def test_another_runs_output_inside_the_source_is_not_summarized(archive: Path) -> None:
    first, _ = plan(archive, archive / "out")
    finish(first)
    (archive / "out" / "report.html").write_text("<p>its report</p>")
    (archive / "out" / "notes.txt").write_text("somebody's own")
    second, _ = plan(archive, archive / "out_b")
    assert planned(second) == ["notes.txt", *sorted(p.name for p in archive.iterdir() if p.is_file())]

"""Compact and prune: the same rows in fewer objects, whenever either is killed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mmsum import storage
from mmsum.errors import EnvironmentFailure, ObjectNotFound, SourceError
from mmsum.pipeline import reading
from mmsum.pipeline import snapshots as snapshots_module
from mmsum.pipeline.compact import compact, prune
from mmsum.pipeline.reading import read_summaries
from mmsum.pipeline.snapshots import Snapshot, compactions, list_parts, snapshots, versions_with_rows
from tests.pipeline.outputs import finish, plan


@pytest.fixture
def out(archive: Path, tmp_path: Path) -> Path:
    """Three finished snapshots: seven documents, then one changed and one gone, then a new one."""
    out = tmp_path / "out"
    finish(plan(archive, out), "first")
    (archive / "report-001.txt").write_text("changed")
    (archive / "report-002.txt").unlink()
    finish(plan(archive, out), "second")
    (archive / "report-900.txt").write_text("new")
    finish(plan(archive, out), "third")
    return out


def parts(out: Path, folder: str) -> list[Path]:
    return sorted((out / folder).rglob("*.parquet"))


def test_compacting_and_pruning_change_no_row(out: Path, archive: Path) -> None:
    before = read_summaries(str(out))
    assert before.num_rows == 8
    done, is_new = compact(str(out))
    assert (is_new, done.files, done.rows) == (True, 1, 8)
    assert len(parts(out, "summaries")) == 6, "compacting deletes nothing"
    assert read_summaries(str(out)).equals(before)
    assert pq.read_table(parts(out, "compacted")[0]).sort_by("uri").equals(before)
    assert compact(str(out))[1] is False
    assert prune(str(out)) == 6
    assert parts(out, "summaries") == []
    assert read_summaries(str(out)).equals(before)
    assert plan(archive, out).committed() == set(range(1)), "the marker says that the pruned snapshot is finished"
    assert prune(str(out)) == 0


def test_life_goes_on_after_pruning(out: Path, archive: Path) -> None:
    compact(str(out), part_bytes=1)
    prune(str(out))
    (archive / "report-003.txt").write_text("changed later")
    fourth = plan(archive, out)
    assert [Path(uri).name for uri in fourth.documents["uri"].to_pylist()] == ["report-003.txt"]
    assert compact(str(out))[1] is False, "an unfinished snapshot is left out"
    finish(fourth, "fourth")
    before = read_summaries(str(out))
    done, is_new = compact(str(out))
    assert (is_new, done.files, done.rows) == (True, 1, 8)
    assert prune(str(out)) == 1 + 6, "its one part, and the six of the older compaction"
    assert read_summaries(str(out)).equals(before)
    assert [row["summary"] for row in before.to_pylist() if row["uri"].endswith("003.txt")] == ["fourth"]


def test_a_snapshot_that_was_given_up_is_no_hindrance(archive: Path, tmp_path: Path) -> None:
    """`--snapshot new` before another was finished: once it has all of its documents, that one is as good as finished."""
    out = tmp_path / "out"
    finish(plan(archive, out), "first")
    (archive / "report-001.txt").write_text("changed")
    (archive / "report-003.txt").write_text("changed")
    (archive / "report-005.txt").write_text("changed")
    given_up = plan(archive, out)
    finish(given_up, "second", range(1))
    everything = plan(archive, out, new=True)
    assert compact(str(out))[0].number == 1
    finish(everything, "third")
    before = read_summaries(str(out))
    done, _ = compact(str(out))
    assert (done.number, done.rows, given_up.digest in done.covers) == (3, 7, True)
    prune(str(out))
    assert parts(out, "summaries") == []
    assert read_summaries(str(out)).equals(before)
    assert set(before["summary"].to_pylist()) == {"third"}


def test_snapshots_that_were_given_up_in_turn_hold_up_nothing(archive: Path, tmp_path: Path) -> None:
    """The last one has the documents of the second, but not those of the third, which is unfinished."""
    out = tmp_path / "out"
    finish(plan(archive, out, limit=2), "first")
    for limit in (1, 4):
        plan(archive, out, new=True, limit=limit)
    finish(plan(archive, out, new=True, limit=2), "fourth")
    done, is_new = compact(str(out))
    assert (is_new, done.number, done.rows) == (True, 4, 2)
    assert {row["summary"] for row in read_summaries(str(out)).to_pylist()} == {"fourth"}


def test_what_was_given_up_and_is_in_no_later_snapshot_has_no_row(archive: Path, tmp_path: Path) -> None:
    """Of seven documents four have rows when everything is begun anew with the first two; another is gone by then."""
    out = tmp_path / "out"
    finish(plan(archive, out), "first", range(2))
    (archive / "report-006.txt").rename(tmp_path / "elsewhere")
    finish(plan(archive, out, new=True, limit=2), "second")
    before, known = read_summaries(str(out)), versions_with_rows(str(out), str(archive))
    assert compact(str(out))[0].rows == before.num_rows == 4
    prune(str(out))
    assert read_summaries(str(out)).equals(before)
    assert versions_with_rows(str(out), str(archive)) == known
    (tmp_path / "elsewhere").rename(archive / "report-006.txt")
    third = plan(archive, out)
    assert third.count() == 3, "what has no row is planned, also where it came back as it was"
    finish(third, "third")
    assert compact(str(out))[0].rows == read_summaries(str(out)).num_rows == 7


def test_what_was_compacted_while_pruning_is_kept(out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compact(str(out))
    (archive / "report-901.txt").write_text("newer")
    finish(plan(archive, out), "fourth")
    before = read_summaries(str(out))
    found = compactions(str(out))
    with monkeypatch.context() as patched:
        patched.setattr("mmsum.pipeline.compact.compactions", lambda out: found)  # as it was when pruning began
        compact(str(out))
        with pytest.raises(EnvironmentFailure, match="compacted anew meanwhile; nothing was deleted"):
            prune(str(out))
    assert read_summaries(str(out)).equals(before)
    prune(str(out))
    assert read_summaries(str(out)).equals(before)


def test_a_killed_compaction_leaves_nothing_after_the_next(
    out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain reader of OUT/compacted would see its rows twice."""
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(storage, "create", _dying(2, storage.create))
        compact(str(out), part_bytes=1)
    (archive / "report-901.txt").write_text("newer")
    finish(plan(archive, out), "fourth")
    done, _ = compact(str(out))
    assert len(parts(out, "compacted")) == done.files + 2
    prune(str(out))
    assert len(parts(out, "compacted")) == done.files


def test_restart_after_pruning_does_everything_again(out: Path, archive: Path) -> None:
    compact(str(out))
    prune(str(out))
    again = plan(archive, out, restart=True)
    assert (again.number, again.committed()) == (1, set())
    assert parts(out, "compacted") == []


class Killed(BaseException):
    """Ends a call as SIGKILL would: nothing catches it."""


def _dying(calls: int, real: Callable[..., object]) -> Callable[..., object]:
    left = [calls]

    def call(*arguments: object) -> object:
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        return real(*arguments)

    return call


@pytest.mark.parametrize("steps", range(7))
def test_killed_at_any_write_or_deletion(out: Path, steps: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The store stops answering after so many writes, or in the middle of a deletion: the rows never change."""
    before = read_summaries(str(out))
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(storage, "create", _dying(min(steps, 4), storage.create))
        compact(str(out), part_bytes=1)
    assert read_summaries(str(out)).equals(before)
    done, _ = compact(str(out), part_bytes=1)
    assert done.files == len(parts(out, "compacted"))
    with monkeypatch.context() as patched, pytest.raises(Killed):

        def half(uris: list[str]) -> None:
            for uri in uris[: steps % 3]:
                Path(uri).unlink(missing_ok=True)
            raise Killed

        patched.setattr(storage, "delete", half)
        prune(str(out))
    assert read_summaries(str(out)).equals(before)
    prune(str(out))
    assert read_summaries(str(out)).equals(before)


def test_damaged_compactions_are_never_pruned_to(out: Path) -> None:
    compact(str(out))
    [part] = parts(out, "compacted")
    pq.write_table(pq.read_table(part).slice(1), part)
    with pytest.raises(EnvironmentFailure, match="7 rows instead of 8; nothing was deleted"):
        prune(str(out))
    assert len(parts(out, "summaries")) == 6


def test_parts_are_listed_once_however_many_snapshots_there_are(
    out: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listing of a million documents' parts is hundreds of requests."""
    for number in range(3):
        (archive / f"more-{number}.txt").write_text("text")
        finish(plan(archive, out), "text")
    listed: list[str] = []
    monkeypatch.setattr(snapshots_module, "list_parts", lambda out: listed.append(out) or list_parts(out))
    monkeypatch.setattr(Snapshot, "committed", lambda snapshot: pytest.fail("lists the parts for one snapshot"))
    assert compact(str(out))[0].covers == [snapshot.digest for snapshot in snapshots(str(out))]
    assert len(listed) == 2, "to see what is finished, and what is to be read"


@pytest.mark.parametrize("after", ["latest_compaction", "list_parts"])
def test_no_row_is_missed_where_an_output_is_compacted_and_pruned_between_two_looks(
    out: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    """A large output's parts take a while to be listed. Documents without rows would be summarized again."""
    look, known = getattr(snapshots_module, after), versions_with_rows(str(out))

    def look_and_be_late(folder: str) -> object:
        seen = look(folder)
        seen = list(seen) if after == "list_parts" else seen
        monkeypatch.setattr(snapshots_module, after, look)
        compact(str(out))
        prune(str(out))
        return seen

    monkeypatch.setattr(snapshots_module, after, look_and_be_late)
    assert versions_with_rows(str(out)) == known
    assert parts(out, "summaries") == []


def test_rows_are_read_where_an_output_is_compacted_and_pruned_meanwhile(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_summaries(str(out))
    list_all = reading.row_uris

    def list_and_be_late(folder: str) -> list[str]:
        uris = list_all(folder)
        monkeypatch.setattr(reading, "row_uris", list_all)
        compact(str(out))
        prune(str(out))
        return uris

    monkeypatch.setattr(reading, "row_uris", list_and_be_late)
    assert read_summaries(str(out)).equals(before)
    parts(out, "compacted")[0].unlink()
    with pytest.raises(ObjectNotFound):
        read_summaries(str(out))


def test_nothing_to_compact_or_prune(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nothing is compacted"):
        prune(str(tmp_path / "out"))
    plan(archive, tmp_path / "out")
    with pytest.raises(SourceError, match="no snapshot is finished"):
        compact(str(tmp_path / "out"))

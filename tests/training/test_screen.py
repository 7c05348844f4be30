"""What a run shows while it trains: lines, TensorBoard, other trackers where they are installed, a picture."""

from __future__ import annotations

import io
import struct
import sys
import time
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console
from tensorboardX.proto.event_pb2 import Event

from mmsum.config import Config
from mmsum.training.batches import EncodedData, MicroBatch
from mmsum.training.encode import encode
from mmsum.training.launch import run_training
from mmsum.training.loop import train
from mmsum.training.screen import Screen, TensorBoard, _trackers
from mmsum.training.step import StepLog
from mmsum.training.world import alone
from tests.training.runs import steps, training_config, write_examples

SEEN = {"loss_with_figures", "loss_without_figures", "loss_with_swapped_figures", "gate_mean", "gate_max", "memory_gb"}


def run(config: Config) -> str:
    screen = io.StringIO()
    run_training(config, Console(file=screen, width=300), local=True)
    return screen.getvalue()


def board(folder: Path) -> dict[str, dict[int, float]]:
    """Values by name and step of the event files in a folder: records of a length, its checksum, the event, its own."""
    found: dict[str, dict[int, float]] = {}
    for file in sorted(folder.glob("events*")):
        data = file.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
    return found


def test_lines_board_and_picture_tell_losses_gates_rates_and_what_figures_save(tmp_path: Path) -> None:
    valid = write_examples(tmp_path / "valid" / "valid.parquet")
    keys = {"training.steps": 4, "training.micro_batch": 3, "training.valid": str(valid)}
    config = training_config(tmp_path, **keys)
    printed = run(config)
    logs = steps(config)
    assert [log.step for log in logs if log.extra] == [2, 4] and set(logs[1].extra) == SEEN
    line = next(line for line in printed.splitlines() if line.startswith("step 2/4"))
    for part in (
        f"loss {logs[1].loss:.4f}",
        "figures save ",
        "(what they show ",
        f"gates {logs[1].extra['gate_mean']:.4f}",
        "rates fusion 1.0e-02 vision 1.0e-03",
        "examples/s",
        "tokens/s",
        " GB",
        " left",
    ):
        assert part in line, part
    shown = board(tmp_path / "run" / "tensorboard")
    assert SEEN | {"loss", "norm", "skipped", "rate/fusion", "rate/vision", "valid_loss"} == set(shown)
    assert shown["loss"] == pytest.approx({2: logs[1].loss, 4: logs[3].loss})
    assert shown["gate_mean"][4] == pytest.approx(logs[3].extra["gate_mean"])
    assert (tmp_path / "run" / "loss.png").read_bytes()[:4] == b"\x89PNG"
    size = (tmp_path / "run" / "export" / "weights.safetensors").stat().st_size
    assert f"weights.safetensors {size:,} bytes" in printed


def test_a_tracker_in_trouble_is_told_and_ends_no_run(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.steps": 4})
    Path(config.training.out).mkdir()
    Path(config.training.out, "tensorboard").write_text("a file where a folder must be")
    printed = run(config)
    assert printed.count("TensorBoard gets no more numbers: ") == 1 and "File exists" in printed
    assert len(steps(config)) == 4

    said: list[str] = []
    later = training_config(tmp_path, **{"training.steps": 4, "training.out": str(tmp_path / "later")})

    class Closing(Screen):
        """Loses its event file after two steps."""

        def step(self, log: StepLog) -> None:
            super().step(log)
            if log.step == 2 and isinstance(board := self.trackers["TensorBoard"], TensorBoard):
                board.events.close()

    screen = Closing(later, alone(), said.append)
    assert train(later, encode(later.training.data, later), None, alone(), screen, deepspeed=False)
    assert [line for line in said if "gets no more numbers" in line] == [
        "TensorBoard gets no more numbers: write to closed file"
    ]


def test_a_step_takes_as_long_as_one_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = EncodedData.batch

    def slow(self: EncodedData, indices: Sequence[int], step: int | None) -> MicroBatch:
        time.sleep(0.2)
        return usual(self, indices, step)

    monkeypatch.setattr(EncodedData, "batch", slow)
    config = training_config(tmp_path, **{"training.steps": 3, "training.micro_batch": 3})
    run(config)
    assert sum(log.seconds for log in steps(config)) > 3 * 2 * 0.2


def test_mlflow_gets_every_log_line_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    config = training_config(tmp_path, **{"training.steps": 4})
    run(config)
    client = mlflow.MlflowClient(uri)
    (found,) = client.search_runs(["0"])
    history = client.get_metric_history(found.info.run_id, "loss")
    assert {one.step: one.value for one in history} == pytest.approx({s.step: s.loss for s in steps(config) if s.extra})


def test_weights_and_biases_gets_them_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    for name, value in {"WANDB_PROJECT": "tests", "WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    run(training_config(tmp_path, **{"training.steps": 4}))
    (kept,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert b"loss_without_figures" in kept.read_bytes()


class Tracked(ModuleType):
    """Stands for wandb and for mlflow, neither of which need be installed: keeps what is begun and what is sent."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__spec__ = ModuleSpec(name, None)
        self.begun: list[dict[str, Any]] = []
        self.sent: list[tuple[str, int]] = []

    def init(self, **how: Any) -> Tracked:
        self.begun.append(how)
        return self

    def search_runs(self, filter_string: str, **how: Any) -> list[Any]:
        runs = [run for run in self.begun if "tags" in run]
        tagged = [run for run in runs if f"tags.mmsum_run = '{run['tags']['mmsum_run']}'" == filter_string]
        return [SimpleNamespace(info=SimpleNamespace(run_id=run["tags"]["mmsum_run"])) for run in tagged]

    def start_run(self, **how: Any) -> None:
        self.begun.append(how)

    def log_params(self, settings: dict[str, Any]) -> None:
        self.begun[-1]["config"] = settings

    def log(self, values: dict[str, float], step: int) -> None:
        self.sent.append((self.__name__, step))

    log_metrics = log

    def finish(self) -> None: ...

    end_run = finish


def test_a_resumed_run_is_the_same_one_to_trackers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb, mlflow = Tracked("wandb"), Tracked("mlflow")
    for module in (wandb, mlflow):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setenv("WANDB_PROJECT", "tests")
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nowhere")
    config = training_config(tmp_path)
    for out in ("run", "run", "other"):
        keys = {"training.out": str(tmp_path / out)}
        trackers = [make() for make in _trackers(training_config(tmp_path, **keys)).values()]
        for tracker in trackers:
            tracker.log({"loss": 1.0}, 2)
            tracker.close()
    first, again, other = wandb.begun
    assert first["id"] == again["id"] != other["id"] and first["config"] == config.training_answers()
    began, resumed, another = mlflow.begun
    assert began == {"tags": {"mmsum_run": first["id"]}, "config": config.training_answers()}
    assert resumed == {"run_id": first["id"]} and another["tags"] == {"mmsum_run": other["id"]}
    assert wandb.sent == [("wandb", 2)] * 3 and mlflow.sent == [("mlflow", 2)] * 3

"""Runs that are killed, preempted, fed with poison, or cannot write: nothing is lost, nothing goes on silently."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
import pytest
from rich.console import Console
from safetensors.torch import load_file, save_file

from mmsum import storage
from mmsum.config import Config
from mmsum.errors import ConfigError, EnvironmentFailure
from mmsum.model.fused import load_fused
from mmsum.model.torchstack import torch
from mmsum.storage import s3
from mmsum.training.checkpoints import Manifest, Progress, latest, prune, save_checkpoint
from mmsum.training.encode import encode
from mmsum.training.launch import run_training
from mmsum.training.learners import build_learner
from mmsum.training.loop import train
from mmsum.training.optimizers import PlainOptimizer
from mmsum.training.screen import Screen
from mmsum.training.world import alone
from tests.chaos.proxy import Faults, faulty
from tests.servers import moto_s3
from tests.tiny import write_tiny_backbone
from tests.training.runs import (
    Worker,
    losses,
    run_workers,
    start_workers,
    steps,
    training_config,
    write_config,
    write_examples,
)

QUIET = Console(quiet=True)


def checkpoints(config: Config) -> list[str]:
    folder = Path(config.training.out, "checkpoints")
    return sorted(path.parent.name for path in folder.glob("*/manifest.json"))


def wait_for_checkpoint(config: Config, processes: Sequence[Worker] | Sequence[subprocess.Popen[str]]) -> None:
    deadline = time.monotonic() + 200
    while not checkpoints(config):
        ended = [process for process in processes if process.poll() is not None]
        assert not ended, f"no checkpoint before its end:\n{ended[0].communicate()}"
        assert time.monotonic() < deadline, "no checkpoint in 200 s"
        time.sleep(0.05)


def test_killed_workers_and_a_killed_run_lose_no_step(tmp_path: Path) -> None:
    count = 24  # some are left at the kill, however late a busy machine shows the first checkpoint
    keys = {"training.steps": count, "training.checkpoint_steps": 2, "training.keep": 2}
    keys |= {"training.learning_rate": 0.003, "training.vision_learning_rate": 0.0003}  # see GENTLE of test_worlds.py
    unbroken = training_config(tmp_path, **keys, **{"training.out": str(tmp_path / "unbroken")})
    run_training(unbroken, QUIET, local=True)
    assert checkpoints(unbroken) == ["step-00000022", "step-00000024"]  # the last two are kept

    broken = training_config(tmp_path, **keys, **{"training.zero": 2, "training.workers": 2})
    file = write_config(broken, tmp_path / "broken.yaml")
    processes = start_workers(2, file)
    wait_for_checkpoint(broken, processes)
    os.kill(processes[1].pid, signal.SIGKILL)  # one worker; the other waits for it in vain
    time.sleep(0.5)
    for process in processes:
        process.remove()
    assert len(steps(broken)) < count
    printed = run_workers(2, file)
    assert f"resuming at step {int(printed.split('resuming at step ')[1].split()[0])}" in printed
    assert losses(broken) == pytest.approx(losses(unbroken), abs=1e-4)


def test_a_notice_of_preemption_still_writes_a_checkpoint_and_nothing_else(tmp_path: Path) -> None:
    keys = {"training.steps": 5000, "training.checkpoint_steps": 3}
    valid = write_examples(tmp_path / "valid" / "examples.parquet")
    config = training_config(tmp_path, **keys, **{"training.valid": str(valid)})
    file = write_config(config, tmp_path / "config.yaml")
    command = [sys.executable, "-m", "mmsum.cli", "train", str(file), "--local"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    wait_for_checkpoint(config, [process])
    process.terminate()
    printed = process.communicate(timeout=60)[0]
    assert process.returncode == 1
    assert "its checkpoint is written; the same command goes on from there" in printed.splitlines()[-1]
    lines = printed.splitlines()
    first = next(at for at, line in enumerate(lines) if line.startswith("checkpoint "))
    assert lines[first + 1].startswith("loss on held-out examples ") and lines[-2].startswith("checkpoint ")
    assert len(steps(config)) == int(checkpoints(config)[-1].removeprefix("step-"))


def poison(config: Config, letter: str) -> None:
    """Makes the frozen backbone read one letter as NaN: examples that hold it have no finite loss."""
    file = Path(config.model.backbone, "model.safetensors")
    tensors = load_file(file)
    token = json.loads(Path(config.model.backbone, "tokenizer.json").read_text())["model"]["vocab"][letter]
    tensors["model.embed_tokens.weight"][token] = float("nan")
    save_file(tensors, file, metadata={"format": "pt"})


@pytest.mark.parametrize(
    "zero",
    [None, 2, *(pytest.param(zero, marks=pytest.mark.slow) for zero in (0, 1, 3))],
    ids=lambda zero: f"zero-{zero}",
)
def test_a_loss_that_is_not_finite_is_skipped_and_counted(tmp_path: Path, zero: int | None) -> None:
    config = training_config(tmp_path, **{"training.workers": 1 if zero is None else 2, "training.zero": zero or 0})
    poison(config, "7")  # "The town painted 7 squares", and 17
    if zero is None:
        run_training(config, QUIET, local=True)
    else:
        run_workers(2, write_config(config, tmp_path / "config.yaml"))
    skipped = [log.skipped for log in steps(config)]
    assert 0 < sum(skipped) < len(skipped)
    weights = load_file(Path(config.training.out, "export", "weights.safetensors"))
    assert all(torch.isfinite(tensor).all() for tensor in weights.values())
    manifest = latest(config.training.out)
    assert manifest and manifest[1].progress == Progress(6, 6 - sum(skipped), sum(skipped))


def test_a_streak_of_bad_steps_stops_and_names_the_batch(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.bad_steps": 3, "training.checkpoint_steps": 1})
    poison(config, "T")  # every text begins with "The town"
    with pytest.raises(
        EnvironmentFailure, match=r"step 3: .* not finite 3 times in a row; the last batch was example-\d+"
    ):
        run_training(config, QUIET, local=True)


def test_a_resume_must_share_what_it_was_begun_with(tmp_path: Path) -> None:
    config = training_config(tmp_path)
    assert run_training(config, QUIET, local=True, until=2) is None
    other = training_config(tmp_path, **{"training.learning_rate": 0.5})
    with pytest.raises(ConfigError, match=r"training\.learning_rate: 0\.01 then, 0\.5 now"):
        run_training(other, QUIET, local=True)
    free = training_config(tmp_path, **{"training.micro_batch": 3, "training.log_steps": 1})
    assert run_training(free, QUIET, local=True)


def test_a_checkpoint_that_cannot_be_written_names_the_last_good_one(tmp_path: Path) -> None:
    config = training_config(tmp_path)
    model = load_fused(config.model, train=True)
    optimizer = PlainOptimizer(build_learner(model, config), config)
    out = storage.normalize(config.training.out)

    def save(step: int, last_good: str | None) -> str:
        return save_checkpoint(out, optimizer, Manifest(Progress(step, step), 1, {}), alone(), 0.1, last_good)

    good = save(1, None)
    Path(config.training.out, "checkpoints", "step-00000002").write_text("a file where a folder must be")
    with pytest.raises(EnvironmentFailure, match=rf"cannot be written: .*; the last good checkpoint is {good}"):
        save(2, good)
    found = latest(out)
    assert found and found[0] == good


def test_a_store_in_trouble_is_waited_for_and_one_out_of_reach_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Checkpoints, log, curve and export in an object store, whose every request fails from one checkpoint on."""
    monkeypatch.setattr(s3, "_REQUEST_ATTEMPTS", 1)  # or each request alone would be tried over 13 s
    keys: dict[str, Any] = {"training.steps": 6, "training.checkpoint_steps": 2, "training.keep": 2}
    unbroken = training_config(tmp_path, **keys)
    run_training(unbroken, QUIET, local=True)
    faults = Faults()

    class Trouble(Screen):
        seconds: float

        def checkpoint(self, folder: str, step: int) -> None:
            super().checkpoint(folder, step)
            if step == 2 and self.seconds:
                faults.errors = 1.0
                threading.Thread(target=self.mend, args=(faults.injected["errors"],), daemon=True).start()

        def mend(self, before: int) -> None:
            """From the first request that is refused, however long a slow machine takes to send it."""
            while faults.injected["errors"] == before:
                time.sleep(0.01)
            time.sleep(self.seconds)
            faults.errors = 0.0

    def run(out: str, seconds: float, write_seconds: float) -> tuple[Config, list[str]]:
        more = {"training.out": out, "robustness.write_seconds": write_seconds}
        config, said = training_config(tmp_path, **keys, **more), list[str]()
        screen = Trouble(config, alone(), said.append)
        screen.seconds = seconds
        train(config, encode(config.training.data, config), None, alone(), screen, deepspeed=False)
        return config, said

    with moto_s3() as server, faulty(server, faults) as store:
        for name, value in store.env.items():
            monkeypatch.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="bucket")
        waited, _ = run("s3://bucket/waited", seconds=1.0, write_seconds=60)
        assert faults.injected["errors"] > 0
        assert losses(waited) == losses(unbroken)
        names = [ref.uri.removeprefix("s3://bucket/waited/") for ref in storage.list_objects("s3://bucket/waited")]
        kept = {name.split("/")[1] for name in names if name.startswith("checkpoints/")}
        assert kept == {"step-00000004", "step-00000006"}
        assert any(name.startswith("tensorboard/events") for name in names)
        assert load_fused(waited.model.model_copy(update={"export": "s3://bucket/waited/export"})).trained

        good = "s3://bucket/ended/checkpoints/step-00000002"
        with pytest.raises(
            EnvironmentFailure, match=rf"step-00000004: .* cannot be .*; the last good checkpoint is {good}"
        ):
            run("s3://bucket/ended", seconds=3600, write_seconds=0.3)
        faults.errors = 0.0
        ended, said = run("s3://bucket/ended", seconds=0, write_seconds=0.3)
        assert f"resuming at step 2 from {good}" in said
        assert losses(ended) == pytest.approx(losses(unbroken), abs=1e-4)


@pytest.mark.slow
def test_a_full_disk_ends_the_run_and_room_lets_it_go_on(tmp_path: Path) -> None:
    keys = {"training.checkpoint_steps": 2, "training.out": str(tmp_path / "disk" / "run")}
    config = training_config(tmp_path, **keys, **{"robustness.write_seconds": 1})
    file = write_config(config, tmp_path / "config.yaml")
    size = sum(path.stat().st_size for path in Path(exported(tmp_path), "checkpoints").rglob("step-00000002/*"))
    train = f"{sys.executable} -m mmsum.cli train {file} --local"
    script = f"""mkdir disk && mount -t tmpfs -o size={2 * size} none disk && {train}; echo "exit code $?"
        mount -o remount,size=1g disk && {train} && echo whole"""
    done = subprocess.run(["unshare", "-rm", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    if "unshare failed" in done.stderr:
        pytest.skip(done.stderr)
    first, _, second = done.stdout.partition("exit code 1")
    assert "No space left on device" in done.stderr
    assert f"the last good checkpoint is {config.training.out}/checkpoints/step-0000000" in done.stderr
    assert "checkpoint" in first and "resuming at step" in second and second.endswith("whole\n"), done.stderr


def exported(tmp_path: Path) -> str:
    """The folder of a whole run, for its sizes."""
    config = training_config(tmp_path, **{"training.out": str(tmp_path / "sizes"), "training.checkpoint_steps": 2})
    run_training(config, QUIET, local=True)
    return config.training.out


def test_minutes_make_a_checkpoint_too(tmp_path: Path) -> None:
    keys = {"training.steps": 3, "training.checkpoint_steps": 1000, "training.checkpoint_minutes": 1e-9}
    config = training_config(tmp_path, **keys)
    run_training(config, QUIET, local=True)
    assert checkpoints(config) == ["step-00000001", "step-00000002", "step-00000003"]


def test_a_torn_checkpoint_is_none(tmp_path: Path) -> None:
    config = training_config(tmp_path, **{"training.checkpoint_steps": 2})
    run_training(config, QUIET, local=True, until=4)
    Path(config.training.out, "checkpoints", "step-00000004", "manifest.json").unlink()
    own = Path(config.training.out, "checkpoints", "notes.txt")
    own.write_text("somebody's own")
    found = latest(config.training.out)
    assert found and found[1].progress.steps == 2
    assert run_training(config, QUIET, local=True)
    assert [log.step for log in steps(config)] == [1, 2, 3, 4, 5, 6]
    prune(config.training.out, 1)
    assert checkpoints(config) == ["step-00000006"] and own.read_text() == "somebody's own"


def test_other_examples_are_another_run(tmp_path: Path) -> None:
    config = training_config(tmp_path)
    run_training(config, QUIET, local=True, until=2)
    write_examples(Path(config.training.data), count=12)
    with pytest.raises(ConfigError, match="was begun with other settings .data: "):
        run_training(config, QUIET, local=True)


def test_files_that_were_replaced_since_are_noticed(tmp_path: Path) -> None:
    """The config names them as before; what they hold is another model."""
    first = training_config(tmp_path, **{"training.steps": 1, "training.out": str(tmp_path / "first")})
    export = run_training(first, QUIET, local=True)
    assert export
    keys = {"model.export": export, "training.steps": 4}
    train_until = training_config(tmp_path, **keys)
    run_training(train_until, QUIET, local=True, until=2)
    weights = Path(export, "weights.safetensors")
    changed = {
        name: tensor + 1 if tensor.is_floating_point() else tensor for name, tensor in load_file(weights).items()
    }
    save_file(changed, weights)
    with pytest.raises(
        ConfigError, match=r"begun with other settings \(weights it started from: '\w{16}' then, '\w{16}' now\)"
    ):
        run_training(train_until, QUIET, local=True)


def test_a_context_that_the_backbone_does_not_have_is_refused(tmp_path: Path) -> None:
    write_tiny_backbone(tmp_path / "short", positions=128)
    config = training_config(tmp_path, **{"model.backbone": str(tmp_path / "short")})
    with pytest.raises(
        ConfigError, match=r"^generation\.context_tokens: an example has \d+ tokens, .* context of 128; lower"
    ):
        run_training(config, QUIET, local=True)


def test_held_out_examples_are_within_the_context_too(tmp_path: Path) -> None:
    """Seen at the start, not when the first checkpoint looks at them."""
    write_tiny_backbone(tmp_path / "short", positions=512)
    keys = {"model.backbone": str(tmp_path / "short"), "generation.context_tokens": 1024, "training.steps": 1}
    assert run_training(training_config(tmp_path, **keys), QUIET, local=True)
    valid = write_examples(tmp_path / "valid.parquet", count=2, text="It rained. " * 50)
    config = training_config(
        tmp_path, **keys, **{"training.valid": str(valid), "training.out": str(tmp_path / "again")}
    )
    with pytest.raises(ConfigError, match=r"^generation\.context_tokens: an example has \d+ tokens, .* context of 512"):
        run_training(config, QUIET, local=True)

"""One optimizer step, plain or through DeepSpeed ZeRO 0 to 3, behind the same few calls.

    loss = optimizer(batch)         # the learner's forward
    optimizer.backward(loss)        # gradients add up over micro-batches, and over workers by their mean
    optimizer.step(share)           # clip, skip where a gradient is not finite, AdamW at share * peak learning rates

`read` and `write` give every trained tensor whole, with its Adam moments, whatever the stage and the number of workers:
checkpoints are made of them.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from torch import nn

from mmsum.config import Config
from mmsum.errors import ConfigError
from mmsum.model.torchstack import torch
from mmsum.training.learners import Learner

BETAS = (0.9, 0.95)
"""Flamingo's and most language models' choice: the second moment forgets in 20 steps instead of 1000."""

MOMENTS = ("exp_avg", "exp_avg_sq")


@dataclass(frozen=True, slots=True)
class StepResult:
    """norm: of the whole gradient, before clipping. skipped: it was not finite, nothing was changed."""

    norm: float
    skipped: bool


@dataclass(slots=True)
class TensorState:
    """A trained tensor and its Adam moments, float32, on the CPU."""

    value: torch.Tensor
    exp_avg: torch.Tensor
    exp_avg_sq: torch.Tensor


class ClippingAdamW(torch.optim.AdamW):
    """AdamW that clips by the norm over all its groups, and skips a step whose gradient is not finite."""

    def __init__(self, groups: list[dict[str, Any]], clip_norm: float) -> None:
        super().__init__(groups, lr=0.0, betas=BETAS)
        self.clip_norm = clip_norm
        self.norm = 0.0
        self.overflow = False  # DeepSpeed reads it

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        parameters = [parameter for group in self.param_groups for parameter in group["params"]]
        self.norm = float(nn.utils.clip_grad_norm_(parameters, self.clip_norm or float("inf")))
        self.overflow = not torch.isfinite(torch.tensor(self.norm)).item()
        if not self.overflow:
            super().step(closure)


class PlainOptimizer:
    """One process, no DeepSpeed."""

    def __init__(self, learner: Learner, config: Config) -> None:
        self.learner = learner
        groups, self.peaks = _at_rest(learner.groups(config))
        self.adam: Any = ClippingAdamW(groups, config.training.clip_norm)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.learner(*args, **kwargs)

    @property
    def rates(self) -> dict[str, float]:
        """Learning rates of the last step, by the group's name."""
        return {group["name"]: group["lr"] for group in self.adam.param_groups}

    def backward(self, loss: torch.Tensor) -> None:
        loss.backward()

    def step(self, share: float) -> StepResult:
        self._set_rates(share)
        adam = self.adam
        adam.step()
        adam.zero_grad(set_to_none=True)
        return StepResult(adam.norm, adam.overflow)

    def _set_rates(self, share: float) -> None:
        for group, peak in zip(self.adam.param_groups, self.peaks, strict=True):
            group["lr"] = peak * share

    def named(self) -> list[tuple[str, nn.Parameter]]:
        """Trained parameters in a fixed order."""
        return [(name, p) for name, p in self.learner.named_parameters() if p.requires_grad]

    def whole(self, parameter: nn.Parameter) -> torch.Tensor:
        """The parameter's value as one tensor on the CPU; every worker must call it."""
        return parameter.detach().float().cpu().clone()

    def read(self) -> Iterator[tuple[str, TensorState]]:
        """Every trained tensor with its moments; all workers must read all of it together."""
        for name, parameter in self.named():
            state = self.adam.state.get(parameter) or {}
            value = parameter.detach().float().cpu()
            moments = [state[key].float().cpu() if key in state else torch.zeros_like(value) for key in MOMENTS]
            yield name, TensorState(value.clone(), *moments)

    def write(self, states: Iterable[tuple[str, TensorState]], steps: int) -> None:
        """Puts tensors and moments back, as after `steps` optimizer steps; all workers must write all of it in one order."""
        parameters = dict(self.named())
        for name, state in states:
            parameter = parameters[name]
            with torch.no_grad():
                parameter.copy_(state.value)
            self.adam.state[parameter] = {
                "step": torch.tensor(float(steps)),
                **{key: getattr(state, key).to(parameter.device, torch.float32).clone() for key in MOMENTS},
            }


class DeepSpeedOptimizer(PlainOptimizer):
    """Any number of workers, gradients and optimizer state cut among them as the ZeRO stage says."""

    def __init__(self, learner: Learner, config: Config, workers: int) -> None:
        training = config.training
        deepspeed = import_deepspeed()
        self.learner = learner
        self.stage = training.zero
        self.accumulate = -(-training.batch_size // (workers * training.micro_batch))
        groups, self.peaks = _at_rest(learner.groups(config))
        plain = self.stage == 0
        adam = ClippingAdamW(groups, training.clip_norm) if plain else torch.optim.AdamW(groups, betas=BETAS)
        self.engine, _, _, _ = deepspeed.initialize(
            model=learner, optimizer=adam, config=deepspeed_config(config, self.accumulate)
        )
        self.adam: Any = self.engine.optimizer
        if self.stage > 0:
            # DeepSpeed looks for infinite gradients only in half precision; ours are float32 and can still be.
            self.engine.optimizer.check_grad_overflow = True
            self._set_steps(0)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.engine(*args, **kwargs)

    def backward(self, loss: torch.Tensor) -> None:
        self.engine.backward(loss, scale_wrt_gas=False)
        # step() only counts micro-batches until the last one of a step
        if not self.engine.is_gradient_accumulation_boundary():
            self.engine.step()

    def step(self, share: float) -> StepResult:
        self._set_rates(share)
        skipped_before = self.engine.skipped_steps
        self.engine.step()
        skipped = self.engine.skipped_steps > skipped_before
        norm = self.adam.norm if self.stage == 0 else self.engine.get_global_grad_norm()
        return StepResult(float(norm) if norm is not None else float("nan"), skipped)

    def whole(self, parameter: nn.Parameter) -> torch.Tensor:
        import deepspeed

        if self.stage == 3 and parameter.ds_status.name == "INFLIGHT":  # type: ignore[attr-defined]
            # Fetched ahead for a module that the last forward did not come to; GatheredParameters fails on it.
            self.engine.empty_partition_cache()
        with deepspeed.zero.GatheredParameters([parameter], enabled=self.stage == 3):
            return parameter.detach().float().cpu().clone()

    def read(self) -> Iterator[tuple[str, TensorState]]:
        if self.stage == 0:
            yield from super().read()
            return
        from deepspeed.utils import safe_get_full_fp32_param, safe_get_full_optimizer_state

        self._link_moments()
        for name, parameter in self.named():
            value = safe_get_full_fp32_param(parameter).cpu().clone()
            moments = [safe_get_full_optimizer_state(parameter, key).cpu().clone() for key in MOMENTS]
            yield name, TensorState(value, *moments)

    def write(self, states: Iterable[tuple[str, TensorState]], steps: int) -> None:
        if self.stage == 0:
            super().write(states, steps)
            return
        self._make_moments()
        self._link_moments()
        parameters = dict(self.named())
        for name, state in states:
            parameter = parameters[name]
            self._write_one(parameter, state.value)
            self._write_model(parameter, state.value)
            for key in MOMENTS:
                self._write_one(parameter, getattr(state, key), key)
        self._set_steps(steps)

    def _write_one(self, parameter: nn.Parameter, value: torch.Tensor, key: str | None = None) -> None:
        """The optimizer's copy of a tensor, or of one of its moments."""
        if self.stage < 3:
            parameter.set_full_hp_param(value, key)  # type: ignore[attr-defined, operator]
            return
        # DeepSpeed's own way to set whole tensors at stage 3 fails where workers do not divide them evenly.
        rank, workers = torch.distributed.get_rank(), torch.distributed.get_world_size()
        size = -(-value.numel() // workers)
        padded = nn.functional.pad(value.flatten(), (0, size * workers - value.numel()))
        parameter._z3_optimizer.set_local_hp_param(padded.narrow(0, rank * size, size), parameter, key)  # type: ignore

    def _write_model(self, parameter: nn.Parameter, value: torch.Tensor) -> None:
        """The model's own copy; DeepSpeed's setters fill the optimizer's, which reaches the model after the next step."""
        import deepspeed

        with deepspeed.zero.GatheredParameters([parameter], modifier_rank=0, enabled=self.stage == 3):
            parameter.data.copy_(value)

    def _set_steps(self, steps: int) -> None:
        """Adam's own count of steps, which ZeRO-3 begins with one of its own (it allocates moments by a first step)."""
        for flat in self.engine.optimizer.optimizer.state.values():
            flat["step"] = torch.full_like(torch.as_tensor(flat["step"]), float(steps))

    def _link_moments(self) -> None:
        """ZeRO 1 and 2 look for moments after the first group's first step, when other groups have none yet: again."""
        if self.stage in (1, 2):
            self.engine.optimizer._hp_optimizer_states_linked = False
            self.engine.optimizer._lazy_init_hp_params_optimizer_state()

    def _make_moments(self) -> None:
        """ZeRO makes its moments in the first step; a resumed run has them before."""
        zero = self.engine.optimizer
        for flat in zero.fp32_partitioned_groups_flat if self.stage == 3 else zero.single_partition_of_fp32_groups:
            if not zero.optimizer.state[flat]:
                zero.optimizer.state[flat] = {
                    "step": torch.tensor(0.0),
                    **{key: torch.zeros_like(flat.data) for key in MOMENTS},
                }


def _at_rest(groups: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[float]]:
    """The groups at learning rate 0, since ZeRO takes a step of its own when it starts; and their peak rates."""
    return [{**group, "lr": 0.0} for group in groups], [group["lr"] for group in groups]


Optimizer = PlainOptimizer | DeepSpeedOptimizer


def deepspeed_config(config: Config, accumulate: int) -> dict[str, Any]:
    """Everything trains in float32 under autocast, so no precision section; small buckets, since adapters are small."""
    training = config.training
    zero: dict[str, Any] = {"stage": training.zero}
    if training.zero:
        zero |= {"reduce_bucket_size": 5_000_000, "overlap_comm": torch.cuda.is_available()}
    if training.offload and training.zero:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": torch.cuda.is_available()}
    if training.zero == 3:
        zero |= {"stage3_param_persistence_threshold": 10_000}
    return {
        "train_micro_batch_size_per_gpu": training.micro_batch,
        "gradient_accumulation_steps": accumulate,
        "gradient_clipping": training.clip_norm if training.zero else 0.0,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 10**9,
    }


def import_deepspeed() -> Any:
    """DeepSpeed, quiet, on the CPU where there is no GPU. Raises ConfigError when it is not installed."""
    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    try:
        import deepspeed
    except ImportError as error:
        raise ConfigError(
            "training.zero: DeepSpeed is not installed; install mmsum[train], or train one process with --local"
        ) from error
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")  # of calls that it makes
    # Its shared-memory kernels for CPU workers are compiled at the first use, a minute each host; killed meanwhile, they
    # leave a lock that every later run waits on for ever. Gloo does their work.
    deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
    return deepspeed

"""The workers of one training run, and what they tell each other. Alone, every call is trivial."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mmsum.model.torchstack import torch

_COLLECTIVE_MINUTES = 30
"""How long a worker waits for the others before it gives up; a checkpoint to a slow store is the longest wait."""
_TELL_HOURS = 24
"""The same for what the first worker does alone before a run begins: to encode a million examples takes hours."""


@dataclass(frozen=True)
class World:
    """rank of size workers; device of this one."""

    rank: int
    size: int
    device: torch.device

    @property
    def first(self) -> bool:
        return self.rank == 0

    def sum(self, values: list[float]) -> list[float]:
        """Element-wise sums over all workers."""
        if self.size == 1:
            return values
        tensor = torch.tensor(values, dtype=torch.float64, device=self._wire)
        torch.distributed.all_reduce(tensor)
        return [float(value) for value in tensor.tolist()]

    def gather(self, tensor: torch.Tensor) -> tuple[torch.Tensor, int]:
        """All workers' rows [n, ...] behind each other, and the place of this worker's first row. n is equal for all."""
        if self.size == 1:
            return tensor, 0
        parts = [torch.empty_like(tensor) for _ in range(self.size)]
        torch.distributed.all_gather(parts, tensor.contiguous())
        return torch.cat(parts), self.rank * len(tensor)

    def tell(self, value: Any) -> Any:
        """The first worker's value, for all, however long it takes to find."""
        if self.size == 1:
            return value
        box = [value]
        patient = torch.distributed.new_group(backend="gloo", timeout=timedelta(hours=_TELL_HOURS))
        torch.distributed.broadcast_object_list(box, group=patient, device=torch.device("cpu"))
        torch.distributed.destroy_process_group(patient)
        return box[0]

    @property
    def _wire(self) -> torch.device:
        return self.device if torch.distributed.get_backend() == "nccl" else torch.device("cpu")


def alone() -> World:
    """One process, on a GPU where there is one."""
    return World(0, 1, torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def join_world(gpus: bool = True) -> World:
    """The world that torchrun's variables or an existing process group describe; starts the group where there is none.

    gpus: False for a worker that was given none: those that it sees are others'.
    """
    if not torch.distributed.is_initialized():
        if "RANK" not in os.environ:
            return alone()
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        torch.distributed.init_process_group(backend, timeout=timedelta(minutes=_COLLECTIVE_MINUTES))
    rank, size = torch.distributed.get_rank(), torch.distributed.get_world_size()
    if not (gpus and torch.cuda.is_available()):
        return World(rank, size, torch.device("cpu"))
    local = int(os.environ.get("LOCAL_RANK", rank)) % torch.cuda.device_count()
    torch.cuda.set_device(local)
    return World(rank, size, torch.device("cuda", local))

"""One worker under torchrun: `torchrun --nproc-per-node 2 -m mmsum.training.worker CONFIG [--set key=value ...]`."""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, UsageError
from mmsum.training.launch import run_training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--until", type=int, help="stop at this step, with a checkpoint")
    given = parser.parse_args()
    try:
        run_training(load_config(given.config, given.set), Console(), local=True, until=given.until)
    except UsageError as error:
        sys.exit(f"error: {error}")
    except EnvironmentFailure as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

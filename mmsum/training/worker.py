"""One worker under torchrun: `torchrun --nproc-per-node 2 -m mmsum.training.worker CONFIG... [--set key=value ...]`.

Several configs are trained one after the other; CONFIG@STEP stops at that step with a checkpoint, as SIGTERM does.
"""

from __future__ import annotations

import argparse
import sys

from mmsum.config import load_config
from mmsum.errors import EnvironmentFailure, UsageError
from mmsum.screen import open_console
from mmsum.training.launch import run_training


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("configs", nargs="+", metavar="CONFIG")
    parser.add_argument("--set", action="append", default=[])
    given = parser.parse_args()
    try:
        for config in given.configs:
            path, _, until = config.partition("@")
            until_step = int(until) if until else None
            run_training(load_config(path, given.set), open_console(), local=True, until=until_step)
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except EnvironmentFailure as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()

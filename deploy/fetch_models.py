"""Puts the models that presets name where Hugging Face's cache is (HF_HOME), for machines that later run without a network.

    HF_HOME=/models python deploy/fetch_models.py small llama3.2-3b

Run where a hub is reached: at an image's build, on a login node, in an init container. HF_TOKEN is read from the environment
for gated models. Runs then set HF_HUB_OFFLINE=1 and the same HF_HOME.
"""

from __future__ import annotations

import sys

from mmsum.config import load_config, preset_names
from mmsum.errors import MmsumError
from mmsum.model.backbone import resolve
from mmsum.model.vision import load_vision


def fetch(preset: str) -> None:
    """The backbone's files, the tower's weights. Raises MmsumError when one cannot be had."""
    model = load_config(preset=preset).model
    folder, _ = resolve(model)
    print(f"{preset}: {model.backbone} is in {folder}", flush=True)
    _, identity = load_vision(model, seed=0)
    print(f"{preset}: {identity} is there", flush=True)


def main(presets: list[str]) -> int:
    if not presets:
        print(f"fetch_models: give presets; there are {', '.join(preset_names())}", file=sys.stderr)
        return 2
    try:
        for preset in presets:
            fetch(preset)
    except MmsumError as error:
        print(f"fetch_models: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

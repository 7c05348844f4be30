"""Entry point for `ray job submit --working-dir . -- python jobs/train.py jobs/train.yaml [--set key=value ...]`.

The YAML file is what `mmsum train CONFIG` takes: jobs/train.yaml for the adapters, jobs/finetune_clip.yaml for CLIP alone.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the submitted working directory, not installed

from mmsum.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))

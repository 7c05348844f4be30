"""The fused model: a frozen backbone, a vision tower and the fusion between them."""

import os

# torch's OpenMP threads otherwise spin at every barrier; where parsers compete for the cores, each then waits for a time
# slice. Measured with both cores busy: a tiny model's batch took 6.4 s spinning, 0.24 s passive. Read when torch loads,
# so it stands here, before any module of this package imports it.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

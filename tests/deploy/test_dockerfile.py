"""deploy/Dockerfile: linted, and made of files that are there and are sent to the build."""

from __future__ import annotations

import fnmatch
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"


def instructions() -> list[str]:
    """Instructions of the file, continued lines joined, comments left out."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    return [" ".join(one.split()) for one in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines() if one.strip()]


def test_the_linter_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, "--failure-threshold", "info", DOCKERFILE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_is_copied_is_there_and_sent() -> None:
    ignore = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().split("\n")
    sent = [line.removeprefix("!") for line in ignore if line.startswith("!")]
    copied = [
        source
        for line in instructions()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    assert "constraints.txt" in copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source, pattern) for pattern in sent), f"{source} is kept out by .dockerignore"


def test_every_install_is_pinned() -> None:
    installs = [part for line in instructions() for part in line.split("&&") if "pip install" in part]
    assert len(installs) == 5
    for install in installs:
        assert "-c constraints.txt" in install or "--no-deps" in install, install


def test_stages_of_both_variants_exist() -> None:
    stages = {line.split(" AS ")[1] for line in instructions() if line.startswith("FROM")}
    for argument, values in {"torch": ("cuda", "cpu"), "models": ("mounted", "baked")}.items():
        assert {f"{argument}-{value}" for value in values} <= stages


def test_the_image_runs_as_a_user_with_the_token_on() -> None:
    final = instructions()[max(i for i, line in enumerate(instructions()) if line.startswith("FROM")) :]
    assert "USER 1000:1000" in final
    assert any(line.startswith("ENV") and "RAY_AUTH_MODE=token" in line for line in final)
    secrets = [line for line in instructions() if re.search(r"^(ARG|ENV)\b.*(TOKEN|SECRET|PASSWORD|KEY)", line)]
    assert secrets == []

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


def stage(name: str) -> list[str]:
    """The instructions of one stage."""
    lines = instructions()
    (first,) = [i for i, line in enumerate(lines) if line.startswith("FROM") and line.endswith(f" AS {name}")]
    after = [i for i, line in enumerate(lines) if line.startswith("FROM") and i > first]
    return lines[first + 1 : after[0] if after else None]


def test_the_package_in_the_image_is_the_one_that_was_copied(tmp_path: Path) -> None:
    """The build stage, run here without the packages that ours depends on: it builds an empty package first."""
    site = tmp_path / "site"
    pip = f"{sys.executable} -m pip install --quiet --no-build-isolation --target {site} --upgrade"
    ours = [source for line in stage("build") if line.startswith("COPY") for source in line.split()[1:-1]]
    for line in stage("build"):
        if line.startswith("COPY"):
            for source in line.split()[1:-1]:
                command = f"cp -r --preserve=timestamps {ROOT / source} {source}"
                subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, check=True)
        if line.startswith("RUN"):
            command = re.sub(r"RUN|--mount=\S+|pip install --no-deps -r requirements-pocket.txt &&", "", line)
            command = re.sub(r"pip install (-c constraints.txt|--no-deps)", f"{pip} --no-deps", command)
            command = command.replace("--force-reinstall", "").replace("[train,evaluation,ocr]", "")
            subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, check=True)
    assert "mmsum" in ours
    for file in (ROOT / "mmsum").rglob("*"):
        if file.suffix in (".py", ".yaml", ".html", ".css", ".js") and "__pycache__" not in file.parts:
            assert (site / file.relative_to(ROOT)).read_bytes() == file.read_bytes(), file


def test_what_ray_up_needs_of_the_image() -> None:
    """Its head reaches machines by ssh; all it runs is run in a login shell, where Debian's /etc/profile sets PATH anew; it
    mounts the token into the HOME that the image names."""
    (installs,) = [line for line in stage("image") if "apt-get install" in line]
    assert {"openssh-client", "rsync", "wget"} <= set(installs.split())
    profile = re.search(r'echo "(export PATH=.*?)" >/etc/profile.d/mmsum.sh', installs)
    assert profile
    script = f"export PATH=/usr/bin:/bin; {profile[1].replace(chr(92), '')}; echo $PATH"
    shown = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "/opt/mmsum/bin:/usr/bin:/bin"
    assert any(line.startswith("ENV HOME=/home/mmsum ") for line in stage("image"))


def test_every_job_finds_its_packages_in_the_image() -> None:
    """Training, scores and OCR are extras: an image without them would fail in the middle of a night."""
    assert any('".[train,evaluation,ocr]"' in line for line in stage("build"))


def test_training_can_compile_in_the_image() -> None:
    """Triton and torch call a compiler at run time, and the slim image has none."""
    (installs,) = [line for line in stage("image") if "apt-get install" in line]
    assert "g++" in installs.split()


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

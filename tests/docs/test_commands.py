"""The pages in docs/: every command is run here, by another test that the block names, or says what it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_archive
from tests.data.importers.samples import ARTICLE, PAPER, png
from tests.evaluation.conftest import example, write_examples

ROOT = Path(__file__).parents[2]
PAGES = sorted(path.name for path in (ROOT / "docs").glob("*.md") if path.name not in ("design.md", "log.md"))
BLOCK = re.compile(r"^( *)```(sh|python)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
HERE = "# run by tests/docs/test_commands.py"


def blocks(page: str, language: str) -> list[str]:
    text = (ROOT / "docs" / page).read_text()
    return [re.sub(f"^{m[1]}", "", m[3], flags=re.MULTILINE) for m in BLOCK.finditer(text) if m[2] == language]


def runs_here(block: str) -> bool:
    return block.startswith(HERE) or not block.startswith("# ")


def test_there_is_a_page_for_each_way() -> None:
    assert {"laptop.md", "ray-up.md", "kuberay.md", "slurm.md", "sizing.md", "operating.md"} <= set(PAGES)
    assert {"architecture.md", "extending.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_run_or_says_why_not(page: str) -> None:
    for block in blocks(page, "sh") + blocks(page, "python"):
        first = block.splitlines()[0]
        if first.startswith("# run by ") and first != HERE:
            test = (ROOT / first.removeprefix("# run by ")).read_text()
            taken = re.findall(rf'page_command\("{page}", "([^"]+)"\)', test)
            for line in block.splitlines()[1:]:
                assert any(line.startswith(start) for start in taken), f"{first}, which does not take {line!r}"
        else:
            assert runs_here(block) or first.startswith("# needs "), first


@pytest.mark.parametrize("page", PAGES)
def test_files_that_are_named_exist(page: str) -> None:
    text = (ROOT / "docs" / page).read_text()
    named = re.findall(r"(?:deploy|jobs|mmsum|tests|benchmarks)/[\w./-]+\w", text)
    links = [link for link in re.findall(r"\]\(([^)#:]+)\)", text)]
    missing = [name for name in named if not (ROOT / name).exists()]
    assert missing + [link for link in links if not (ROOT / "docs" / link).exists()] == []


def lay_out(folder: Path) -> None:
    """The files that the pages' commands speak of."""
    write_archive(folder / "reports", 4)
    write_examples(folder / "examples" / "test" / "part-00000.parquet", [example(number) for number in range(4)])
    for place in ("papers/figures/a.png", "a.png"):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_bytes(png())
    (folder / "papers" / "papers.jsonl").write_text(json.dumps(PAPER))
    for name in ("article1.xml", "article2.xml"):
        (folder / name).write_text(ARTICLE.replace("10.1/x", f"10.1/{name}"))
    write_archive(folder / "documents", 2)
    (folder / "summaries.csv").write_text("file,summary\nreport-000.txt,Loans rose.\nreport-001.txt,Loans fell.\n")


@pytest.mark.parametrize("page", [page for page in PAGES if any(map(runs_here, blocks(page, "sh")))])
def test_commands_of_a_page_run_in_order(page: str, tmp_path: Path) -> None:
    lay_out(tmp_path)
    script = "".join(block for block in blocks(page, "sh") if runs_here(block))
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-euxc", script], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.usefixtures("local_ray")
def test_the_summarizer_of_extending_md_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_archive(tmp_path / "reports", 3)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "__main__"}
    (block,) = blocks("extending.md", "python")
    exec(block, names)
    titles = names["table"]["summary"].to_pylist()  # type: ignore[index]
    assert titles == ["Library report 0", "Library report 1", "Library report 2"]

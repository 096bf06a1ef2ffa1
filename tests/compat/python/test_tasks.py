"""The pages of docs/tasks, as they are printed there: what they have you type is typed, and what
they say you see is what is seen. Run by the step `az`.

A block of `sh` is run; one of `sh refused` must fail. The block of `text` right below it is what it
prints, where `…` stands for anything."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from attested import with_binary
from strongroom import Strongroom

TASKS = Path(__file__).parents[3] / "docs" / "tasks"
FIRST = "README.md"
PAGES = sorted(page.name for page in TASKS.glob("*.md") if page.name != FIRST)
BLOCK = re.compile(r"^```sh( refused)?\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.M | re.S)


@dataclass
class Block:
    is_refused: bool
    commands: str
    printed: str | None

    def shell(self, number):
        """Runs it in the page's own shell, whose variables and functions it may set."""
        if self.is_refused:
            return f"if ( {self.commands} ) > {number}.out 2>&1; then exit 90; fi\n"
        return f"{{ {self.commands} }} > {number}.out 2> {number}.err\n"

    def failure(self, folder, number, ran):
        what = "was not refused" if ran.returncode == 90 else "failed"
        said = "".join(path.read_text() for path in sorted(folder.glob(f"{number}.*")))
        return f"this {what}:\n{self.commands}\n{said}{ran.stderr}"

    def check(self, folder, number):
        if self.printed is not None:
            pattern = ".*".join(map(re.escape, tidy(self.printed).split("…")))
            seen = tidy((folder / f"{number}.out").read_text())
            assert re.fullmatch(pattern, seen, re.S), f"{self.commands}\nprinted:\n{seen}"


def tidy(text):
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def blocks(page, server):
    """With the port that this server has."""
    text = (TASKS / page).read_text().replace(":8443", f":{server.ready['port']}")
    parts = BLOCK.findall(text)
    found = [Block(bool(word), said, printed or None) for word, said, printed in parts]
    assert len(found) == text.count("```sh"), f"{page} has a block that is not understood"
    compared = sum(block.printed is not None for block in found)
    assert compared == text.count("```text"), f"{page} shows what no block above it prints"
    return found


@pytest.fixture
def server(tmp_path):
    """A server of the page's own, with its data where `dev` keeps it."""
    server = Strongroom(tmp_path)
    try:
        server.start()
        (tmp_path / "strongroom-data").symlink_to(server.data)
        (server.data / "ready.json").symlink_to(server.ready_file)
        yield server
        server.stop()
    finally:
        if server.process is not None:
            server.kill()


def environment(server, folder):
    """A user's who has installed both: nothing of the installation is in it yet."""
    known = {name: value for name, value in with_binary(server).items()
             if not name.startswith(("AZURE_", "STRONGROOM_"))}
    az = Path(os.environ["STRONGROOM_AZ"]).parent
    return {
        **known,
        "PATH": f"{known['PATH']}{os.pathsep}{az}",
        "AZURE_CONFIG_DIR": str(folder / "azure"),
        "AZURE_CORE_COLLECT_TELEMETRY": "no",
        "AZURE_CORE_NO_COLOR": "yes",
    }


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_says(page, server, tmp_path):
    todo = blocks(FIRST, server) + blocks(page, server)
    script = "set -euo pipefail\n"
    script += "".join(block.shell(number) for number, block in enumerate(todo))
    ran = subprocess.run(
        ["bash"], input=script, capture_output=True, text=True, timeout=500,
        env=environment(server, tmp_path), cwd=tmp_path,
    )
    begun = len(list(tmp_path.glob("*.out")))
    ended = begun if ran.returncode == 0 else begun - 1
    for number, block in enumerate(todo[:ended]):
        block.check(tmp_path, number)
    assert ended == len(todo), todo[ended].failure(tmp_path, ended, ran)

"""The README's examples, as they are printed there; only the address is the one of this server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[3] / "README.md"


PRINTED = ["hello\n", "True\n", "CN=web.example True\n"]


@pytest.mark.parametrize("number", range(len(PRINTED)), ids=["secrets", "keys", "certificates"])
def test_the_python_example_does_what_it_says(server, number):
    examples = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert len(examples) == len(PRINTED)
    assert "https://dev.vault.localhost:8443" in examples[number]
    program = examples[number].replace("https://dev.vault.localhost:8443", server.vault_url())
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, PRINTED[number]), ran.stderr

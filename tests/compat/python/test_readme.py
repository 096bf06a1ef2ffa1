"""The README's example, as it is printed there; only the address is the one this server prints."""

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[3] / "README.md"


def test_the_python_example_does_what_it_says(server):
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL).group(1)
    assert "https://dev.vault.localhost:8443" in example
    program = example.replace("https://dev.vault.localhost:8443", server.vault_url())
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "hello\n"), ran.stderr

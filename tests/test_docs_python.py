"""The Python of the guides runs as it is written, block after block."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", ["extend", "store", pytest.param("python", marks=pytest.mark.slow)])
def test_the_python_of_a_guide_runs(page, tmp_path, monkeypatch):
    from icl.prompts.formats import REGISTERED as FORMATS
    from icl.prompts.label_modes import REGISTERED as MODES
    from icl.tasks.catalogue import REGISTERED as TASKS
    from probes.scorers.catalogue import REGISTERED as SCORERS

    for registry in (FORMATS, MODES, TASKS, SCORERS):
        monkeypatch.setattr(registry, "_added", {})
    monkeypatch.chdir(tmp_path)
    blocks = _BLOCK.findall((ROOT / "docs" / "howto" / f"{page}.md").read_text(encoding="utf-8"))
    assert blocks
    names: dict = {}
    for block in blocks:
        exec(compile(block, f"{page}.md", "exec"), names)

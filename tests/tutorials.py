"""Doing what a tutorial says: its files are written, its commands are run, what they say is held against it.

<!-- file: PATH -->     the block below is that file
<!-- run -->            the block below is run in the project's folder, `<!-- run on slurm -->` beside a cluster
<!-- says -->           the output of the commands before holds every line of the block below
"""

import re

from project import ROOT, Project

TUTORIALS = ROOT / "docs/tutorials"
BLOCK = re.compile(r"<!-- (file|run|says)(?:: (\S+)| (on slurm))? -->\n+```\w+\n(.*?)```", re.DOTALL)


def follow(project: Project, tutorial: str, on: str | None = None) -> str:
    """Do what a tutorial says, in its order; all that its commands print. on: `on slurm` for what runs there."""
    said, last = "", ""
    for kind, path, where, content in BLOCK.findall((TUTORIALS / tutorial).read_text()):
        if kind == "file":
            file = project.folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        elif kind == "run":
            last = project.run("bash", "-euo", "pipefail", "-c", content) if (where or None) == on else ""
            said += last
        elif last:
            missing = [line for line in content.splitlines() if line not in last]
            assert not missing, f"{tutorial}: {missing} not in:\n{last}"
    return said

"""docs/answers.md and its figures, made from the published results, so that prose can't say what numbers don't."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from scorebench.evidence.table import ResultTable, published
from scorebench.study.hypotheses import Hypothesis
from scorebench.study.params import load
from studies.answers import tables
from studies.answers.figures import figures
from studies.answers.quotes import Quotes

HERE = Path(__file__).parent


Registered = Mapping[str, Mapping[str, Hypothesis]]
"""Study -> the hypotheses that its file registers, by name."""


def page(studies: Sequence[ResultTable], registered: Registered) -> str:
    """The Markdown of docs/answers.md."""
    environment = Environment(
        loader=FileSystemLoader(HERE), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        undefined=StrictUndefined, autoescape=False,
    )  # fmt: skip
    environment.tests["dsm"] = lambda cell: cell.startswith("dsm/")
    environment.filters["schedule"] = lambda cell: cell.partition("/")[2]
    environment.filters["cell"] = lambda text: text.replace("|", "\\|").replace("\n", " ")
    quotes = Quotes(studies, registered)
    text = environment.get_template("page.md.j2").render(q=quotes, t=tables)
    lines = [line.rstrip() for line in text.splitlines()]
    kept = [line for i, line in enumerate(lines) if line or (i and lines[i - 1])]
    return "\n".join(kept).strip() + "\n"


def made(results: Path = Path("studies/results")) -> dict[Path, str]:
    """Path -> content of the page and its figures, as the published results have them."""
    studies = published(results)
    registered = {study.study: load(Path("studies", f"{study.study}.yaml")).hypotheses for study in studies}
    pictures = {Path("docs/pictures") / name: content for name, content in figures(Quotes(studies)).items()}
    return {Path("docs/answers.md"): page(studies, registered), **pictures}

"""What Snakemake is told that would run another study, or run without its profile, is refused in a sentence."""

import pytest

from project import Project

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "words", [("--config", "Study=studies/smoke.yaml"), ("--configfile", "studies/smoke.yaml"), ("--config", "seed=99")]
)
def test_a_typo_runs_no_other_study(built: Project, words: tuple[str, str]) -> None:
    said = built.run("snakemake", "-n", "--cores", "1", *words, ok=False)
    assert "--config takes study=FILE alone" in said
    assert "Nothing to be done" not in said


def test_make_takes_no_variable_that_it_does_not_know(built: Project) -> None:
    assert "study: not a variable of this Makefile" in built.run("make", "help", "study=studies/smoke.yaml", ok=False)
    assert "make run" in built.run("make", "help", "STUDY=studies/smoke.yaml")


def test_a_link_that_came_as_text_is_said(project: Project) -> None:
    """Of git with core.symlinks=false, and of archives: Snakemake would run without the profile."""
    link = project.folder / "profiles"
    content = str(link.readlink())
    link.unlink()
    link.write_text(content)
    said = project.run("snakemake", "-n", "--cores", "1", ok=False)
    assert "`ln -sf workflow/profiles profiles` makes it one; nothing was run" in said
    project.run("ln", "-sf", "workflow/profiles", "profiles")
    assert "Nothing to be done" in project.run("snakemake", "-n", "--cores", "1")

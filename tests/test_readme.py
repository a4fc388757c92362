"""README.md and README.zh-TW.md say the same, and what they say is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scorebench import parts

ROOT = Path(__file__).parents[1]
ENGLISH, CHINESE = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh-TW.md"))


def blocks(text: str) -> list[str]:
    """Blocks of code, without their comments, which are translated."""
    found = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
    return [kind + "\n" + re.sub(r"\s*#.*", "", code) for kind, code in found]


def prose(text: str) -> str:
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def test_code_blocks_are_the_same() -> None:
    assert blocks(ENGLISH) == blocks(CHINESE)
    assert len(blocks(ENGLISH)) >= 4


@pytest.mark.parametrize(
    ("what", "pattern"),
    [
        ("levels of the headings", r"^(#+) "),
        ("links and pictures", r"\]\(([^)]+)\)"),
        ("names in the text", r"`([^`\n]+)`"),
        ("rows of tables", r"^(\|)"),
        ("entries of lists", r"^(- )"),
    ],
)
def test_the_text_has_the_same(what: str, pattern: str) -> None:
    """In one order, but for names within a sentence, whose order is the language's."""
    english, chinese = (re.findall(pattern, prose(text), re.MULTILINE) for text in (ENGLISH, CHINESE))
    assert sorted(english) == sorted(chinese), what
    assert english


def test_paragraphs_are_the_same_in_number() -> None:
    english, chinese = ([part for part in prose(text).split("\n\n") if part.strip()] for text in (ENGLISH, CHINESE))
    assert len(english) == len(chinese)


@pytest.mark.parametrize("kind", ["objective", "schedule", "sampler", "source"])
def test_every_part_is_named(kind: str) -> None:
    for name in parts.names(kind):
        assert f"`{name}`" in ENGLISH, f"README.md does not name the {kind} {name}"


def test_links_lead_somewhere() -> None:
    for text in (ENGLISH, CHINESE, (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")):
        for address in re.findall(r"\]\(([^)#]+)", text):
            assert "://" in address or (ROOT / address).exists(), address


def test_the_example_of_the_library_runs(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = (block.removeprefix("python\n") for block in blocks(ENGLISH) if block.startswith("python"))
    known: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), known)
    assert known["losses"].shape == (1000,)
    assert "tensor" in capsys.readouterr().out

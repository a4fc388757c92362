"""`python -m studies.answers`: writes docs/answers.md and its figures from studies/results."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scorebench import storage
from studies.answers import made


def main(arguments: list[str] | None = None) -> int:
    """Exit status 1 with --check if a file is not what the published results make."""
    parser = argparse.ArgumentParser(prog="python -m studies.answers", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing: status 1 if a file is not as made")
    check = parser.parse_args(arguments).check
    stale = False
    for path, content in made().items():
        if Path(path).is_file() and path.read_text(encoding="utf-8") == content:
            continue
        if check:
            print(f"{path} is not what studies/results makes: `make answers`", file=sys.stderr)
            stale = True
        else:
            storage.write_text(path, content)
            print(path)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())

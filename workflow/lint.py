"""`snakemake --lint`, less the lints that are waived here, each with its reason."""

import re
import subprocess
import sys

WAIVED = {
    "Specify a conda environment or container for each rule.": (
        "one environment serves all rules: .venv, pinned by constraints.txt; its numeric versions are in every key"
    ),
}


def main() -> int:
    """Exit status 0 if nothing but waived lints is found."""
    done = subprocess.run([sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False)
    text = done.stdout + done.stderr
    lints, place = [], ""
    for line in text.splitlines():
        if line.startswith("Lints for "):
            place = line.removeprefix("Lints for ").rstrip(":")
        elif found := re.match(r"    \* (.+?):?$", line):
            lints.append((place, found[1]))
    if done.returncode and not lints:  # it failed for another reason than a lint
        print(text, file=sys.stderr)
        return 1
    bad = [(place, title) for place, title in lints if title not in WAIVED]
    for place, title in bad:
        print(f"{place}: {title}", file=sys.stderr)
    print(f"snakemake --lint: {len(bad)} lints; waived in {len(lints) - len(bad)} rules:")
    for title, reason in WAIVED.items():
        print(f"  {title} Because {reason}.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

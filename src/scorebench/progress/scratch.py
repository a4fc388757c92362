"""Files that a job keeps beside its results while it is under way, and their removal when the results are complete."""

from __future__ import annotations

from pathlib import Path

from scorebench.storage.whole_files import TEMPORARY

CHECKPOINT = ".progress.safetensors"
"""The last checkpoint, from which a job goes on after it was stopped."""
LIVE = ".live.jsonl"
"""A training's curve while it grows."""


def sweep(folder: Path) -> None:
    """Remove what writers that were killed, and jobs on their way, left in a folder whose results are complete."""
    for left in (*folder.glob(TEMPORARY), *folder.glob(f"{CHECKPOINT}*"), folder / LIVE):
        left.unlink(missing_ok=True)

"""slurm_local.sh, which starts and stops a real Slurm on this machine."""

import subprocess
from pathlib import Path

SCRIPT = Path(__file__).parent / "slurm_local.sh"


def control(*command: str) -> subprocess.CompletedProcess[str]:
    """slurm_local.sh with a command."""
    return subprocess.run([SCRIPT, *command], capture_output=True, text=True, timeout=600, check=False)

"""A parent of jobs that do what the word after --key says: `python obedient.py FOLDER`, until standard input ends."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from scorebench.running import forking


def run(words: list[str]) -> None:
    match words[words.index("--key") + 1]:
        case "say":
            print(words, Path.cwd(), os.environ["LANGUAGE"], os.environ.get("SCOREBENCH_PARENT"))
            print("and this", file=sys.stderr)
        case "end":
            sys.exit(75)
        case "fail":
            raise ValueError("it does not")
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "wait":
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
                signal.signal(number, lambda number, frame: sys.exit(number))
            Path("process").write_text(str(os.getpid()))
            while True:
                time.sleep(1)


listener = socket.socket(socket.AF_UNIX)
listener.bind(f"{sys.argv[1]}/parent")
listener.listen()
forking.serve(sys.argv[1], listener.detach(), sys.stdin.fileno(), ["scorebench.data.ring"], run)

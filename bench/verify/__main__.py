"""`make bench-verify`: what a question to the public verifier costs, in seconds and memory.

Episodes of three minutes and an hour are made and released by the real gate (voices, marks, credentials, log), among
many others that only the database knows. Then the verifier is asked as the public would ask it, with its confined
processes: about the released MP3, about a copy without credentials in another bit rate, and about speech of the same
voice that nobody marked. Beside it: reading the C2PA credentials alone.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.verify.cost import measure
from bench.verify.files import make_files
from bench.verify.registered import fill, register
from bench.verify.strangers import strangers
from bench.verify.trials import run
from gateway import app
from gateway.cli.embedded import prepare
from gateway.settings import load_settings


def main() -> int:
    """Run the benchmark and print Markdown; 1 if a file that is not ours was called ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=10_000, help="released episodes beside the measured ones")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a thousand episodes, no file of an hour")
    parser.add_argument("--trials", type=int, default=0, help="instead: so many questions about files of others")
    parser.add_argument("--minutes", type=float, default=math.inf, help="for so many trials, whatever was reached")
    parser.add_argument("--recordings", type=Path, default=Path("var/recordings"), help="see `make recordings`")
    parser.add_argument("--home", type=Path, help="an installation and files to be kept, or that were kept")
    options = parser.parse_args()
    count = 1_000 if options.quick else options.episodes
    with ExitStack() as stack:
        home = options.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        settings = load_settings(home=home, spoken_check=False)
        prepare(settings)
        tools = replace(app.build_toolchain(settings), hear=None, hearing_required=False)
        stack.callback(tools.close)
        if options.trials:
            audioseal = next(mark for mark in tools.marks if mark.name == "audioseal")
            asked = strangers(options.recordings, audioseal)
            register(tools.database, count, options.recordings)
            bounds = {"trials": options.trials, "minutes": options.minutes}
            return 0 if run(settings, tools, asked, registered=count, **bounds) else 1
        kept = home / "files"
        if not kept.exists():
            files = make_files(tools, hour=not options.quick)
            fill(tools.database, count)
            kept.mkdir()
            for (length, kind), data in files.items():
                (kept / f"{length}, {kind}.mp3").write_bytes(data)
        files = {tuple(one.stem.split(", ", 1)): one.read_bytes() for one in kept.iterdir()}
        measure(settings, tools, files, count=count, runs=options.runs)
    return 0


if __name__ == "__main__":
    sys.exit(main())

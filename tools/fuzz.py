"""Damage files of each kind 10,000 times and have them read: `python tools/fuzz.py [--kinds graph png]`.

Says for each kind how many were refused, the greatest peak of memory of one reading and that of the whole
file. The test suite does the same with fewer mutations.
"""

import argparse
import logging
import pathlib
import sys
import tempfile
import time
import traceback
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))

from fuzz.kinds import KINDS
from fuzz.mutation import run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--mutations", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)  # a state file that is ignored is told of there
    failed = 0
    for name in options.kinds:
        started = time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            try:
                kind = KINDS[name](pathlib.Path(folder))
                found = run(kind, options.mutations, options.seed)
            except Exception:
                failed += 1
                print(f"{name:22} FAILED\n{traceback.format_exc()[-1500:]}", flush=True)
                continue
        print(
            f"{name:22} {len(kind.whole):7} bytes: {found.refused:6} of {found.mutations} refused, "
            f"peak {found.most / 1024:8.1f} KB (whole file: {found.ordinary / 1024:.1f}, at most "
            f"{found.excess:.0%} of what is allowed), {time.perf_counter() - started:.0f} s",
            flush=True,
        )
    return failed


if __name__ == "__main__":
    sys.exit(main())

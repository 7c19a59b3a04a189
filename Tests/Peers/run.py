#!/usr/bin/env python3
"""Plays broadcasts of independent MoQ implementations through moq-egress.

aiomoqt and moq-rs publish, directly and by way of relays, on every draft and both transports;
`moq-egress serve` subscribes, and ffmpeg plays every rendition of the HLS and of the DASH presentation.
A case fails on anything that ffmpeg warns of, on a frame that is missing or doubled, on a served chunk
that is not what was published, and on a session of another draft or transport than asked for.

Without --matrix it is the choice that CI runs; with it, every combination, ended by a table.
"""
import argparse
import concurrent.futures
import os
import re
import sys
import time

import cases
import matrix
import recovery
from processes import Failed
from sources import DRAFTS


def run(arguments, drafts):
    """Runs the cases of CI; (passed, failed)."""
    def one(case):
        name, _, body = case
        started = time.monotonic()
        try:
            result, good = body(arguments), True
        except (Failed, OSError, ValueError) as error:
            result, good = f"FAILED: {error}", False
        print(f"peers: {name}: {result} ({time.monotonic() - started:.0f} s)", flush=True)
        return good

    wanted = [
        case for case in cases.all_cases(arguments)
        if case[1] in drafts and re.search(arguments.only or "", case[0])]
    timed = [case for case in wanted if re.search(recovery.TIMED, case[0])]
    others = [case for case in wanted if case not in timed]
    results = []
    # Who is timed does not share CPUs with all the others.
    for group in (others, timed):
        with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
            results += pool.map(one, group)
    return sum(results), len(results) - sum(results)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=10, help="how long each player plays")
    parser.add_argument(
        "--drafts", default=",".join(map(str, DRAFTS)), help="which drafts, comma-separated")
    parser.add_argument("--program", default=str(cases.ROOT / ".build/debug/moq-egress"))
    parser.add_argument("--only", help="only cases whose name matches this expression")
    parser.add_argument("--keep", action="store_true", help="print the logs of a case that fails")
    parser.add_argument("--matrix", action="store_true", help="every combination")
    parser.add_argument("--parallel", type=int, default=3, help="how many cases at a time")
    arguments = parser.parse_args()
    if not os.access(arguments.program, os.X_OK):
        parser.error(f"{arguments.program} is not there: swift build --product moq-egress")
    drafts = [int(draft) for draft in arguments.drafts.split(",")]
    passed, failed = (matrix if arguments.matrix else sys.modules[__name__]).run(arguments, drafts)
    print(f"peers: {passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

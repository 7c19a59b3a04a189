#!/usr/bin/env python3
"""Puts the service through hostile clients, bad requests, TLS scanners and what operators do.

Short by default; --full is the size of acceptance, and measures.
"""
import argparse
import pathlib
import re
import sys
import time
import traceback

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/Peers"))

import attacks
import encryption
import operations
import requests_table
from processes import Workspace

PARTS = {
    "requests": requests_table.CASES,
    "operations": operations.CASES,
    "encryption": encryption.CASES,
    "attacks": attacks.CASES,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/debug/moq-egress")
    parser.add_argument("--full", action="store_true", help="thousands of clients, and all ciphers")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--keep", action="store_true", help="print the logs of what failed")
    arguments = parser.parse_args()
    results = []
    for part in arguments.parts.split(","):
        for name, body in PARTS[part]:
            if not re.search(arguments.only, name):
                continue
            with Workspace() as space:
                started = time.monotonic()
                try:
                    said = body(space, arguments)
                    print(f"PASS {name} ({time.monotonic() - started:.0f} s): {said}", flush=True)
                    results.append(True)
                except Exception as error:
                    print(f"FAIL {name}: {error!r}", flush=True)
                    if arguments.keep:
                        traceback.print_exc()
                        print(space.logs())
                    results.append(False)
    print(f"hardening: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Every combination that the peers offer, as a table."""
import concurrent.futures
import re
import threading
import time

import cases
import holes
from processes import Failed, Workspace
from sources import DRAFTS, TRANSPORTS, Running, Source

ROWS = [
    Source("aiomoqt", "cmaf"),
    Source("aiomoqt", "loc"),
    Source("aiomoqt", "timed-loc"),
    Source("aiomoqt", "locmaf"),
    Source("moq-rs", "cmaf"),
    Source("moq-rs", "cmaf", catalog="catalog.json"),
    Source("moq-rs", "hang"),
    Source("moq-rs", "hang", catalog="catalog.json"),
]
ROWS += [
    Source(publisher, packaging, relay)
    for relay in ("aiomoqt", "moq-rs")
    for publisher, packaging in (
        ("aiomoqt", "cmaf"), ("aiomoqt", "loc"), ("aiomoqt", "timed-loc"), ("aiomoqt", "locmaf"),
        ("moq-rs", "cmaf"), ("moq-rs", "hang"))
]
NAMES = {"quic": "raw QUIC", "webtransport": "WebTransport"}


class Table:
    """The cells, and what is said below them."""

    def __init__(self):
        self.cells, self.notes, self.lock = {}, [], threading.Lock()
        self.passed = self.failed = 0

    def put(self, source, draft, transport, good, short, text, seconds):
        with self.lock:
            self.cells[source, draft, transport] = short
            self.passed += good
            self.failed += not good
            print(
                f"peers: {source} on draft {draft} over {transport}: {text} ({seconds:.0f} s)",
                flush=True)

    def note(self, reason):
        with self.lock:
            if reason not in self.notes:
                self.notes.append(reason)
            return f"({self.notes.index(reason) + 1})"

    def print(self, drafts):
        columns = [(draft, transport) for draft in drafts for transport in TRANSPORTS]
        print("\n| | " + " | ".join(f"{d} {NAMES[t]}" for d, t in columns) + " |")
        print("|---" * (len(columns) + 1) + "|")
        for source in ROWS:
            row = [self.cells.get((source, *column)) for column in columns]
            if any(row):
                print(f"| {source} | " + " | ".join(cell or "" for cell in row) + " |")
        print()
        for index, reason in enumerate(self.notes):
            print(f"({index + 1}) {reason}")
        for name, reason, is_so in holes.ABSENT:
            print(f"No row {name}: {reason}")
            if not is_so:
                self.failed += 1
                print(f"peers: FAILED: {name} can be now")


def cell(arguments, table, running, draft, transport):
    """One combination: it plays, or it is a hole that is there."""
    source = running.source
    hole = holes.find(source, draft)
    started = time.monotonic()
    try:
        if hole is None:
            text, short = cases.plays(arguments, running, draft, transport), "ok"
        else:
            with Workspace() as space, cases.told(arguments, space):
                text = f"can't play: {hole.check(space, running, draft, transport)}"
            short = table.note(hole.reason)
        good = True
    except (Failed, OSError, ValueError) as error:
        text, short, good = f"FAILED: {error}", "**no**", False
    table.put(source, draft, transport, good, short, text, time.monotonic() - started)


def run(arguments, drafts):
    """Runs all rows that the arguments name; (passed, failed)."""
    table = Table()
    with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
        for source in ROWS:
            wanted = [
                (draft, transport) for draft in drafts for transport in TRANSPORTS
                if re.search(
                    arguments.only or "", f"{source} on draft {draft} over {transport}")]
            if not wanted:
                continue
            with Workspace() as space:
                try:
                    running = Running(space, source, drafts, tracks=cases.SMALL)
                except Failed as failure:
                    for draft, transport in wanted:
                        table.put(source, draft, transport, False, "**no**", str(failure), 0)
                    continue
                list(pool.map(lambda key: cell(arguments, table, running, *key), wanted))
    table.print(drafts)
    return table.passed, table.failed

#!/usr/bin/env python3
"""Plays through the caches of Config/ with many clients, and counts what they ask the origins.

A publisher, two bridges, and before each a program that counts; then nginx and Varnish with the recipes as
they are shipped, but for the lines that are to be edited. In the middle of playing the first origin is killed.
"""
import argparse
import collections
import http.client
import json
import pathlib
import re
import shutil
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/Peers"))

import judge
import recipes
import tokens
from details import Details, expect
from processes import Failed, Workspace, wait_until

# Origin requests for each distinct object, at most.
MOST = 1.05
PROCESSES = 2


class Crowd:
    """Players in processes of their own."""

    def __init__(self, space, cache, arguments):
        self.reports, self.processes = [], []
        others = max(1, arguments.clients // 10)
        for index in range(PROCESSES):
            report = space.folder / f"players-{index}.json"
            certificate = ["--certificate", cache.certificate] if cache.certificate else []
            self.processes.append(space.start("players", [
                "python3", ROOT / "Tests/Caches/players.py", "--port", cache.port, *certificate, "--base",
                cache.base, "--clients", share(arguments.clients, index), "--others", share(others, index),
                "--first", index * 1000, "--seconds", arguments.seconds + 600, "--report", report]))
            self.reports.append(report)
        for process in self.processes:
            process.wait_for("players$", 60)

    def end(self):
        """Lets the players stop; what they were served."""
        for process in self.processes:
            process.process.send_signal(signal.SIGTERM)
        wait_until(lambda: all(report.exists() for report in self.reports), 60, "players report")
        for process in self.processes:
            expect(process.process.wait(60) == 0, f"players: {process.tail()}")
        result = collections.defaultdict(list)
        result["requests"] = 0
        result["positions"] = {}
        for report in self.reports:
            for name, value in json.loads(report.read_text()).items():
                if name == "positions":
                    result[name].update(value)
                else:
                    result[name] += value
        return result


def share(total, index):
    return total // PROCESSES + (index < total % PROCESSES)


def merged(served):
    """Entries of several processes for the same answer, as one."""
    entries = {}
    for entry in served:
        key = entry["key"], entry["origin"], entry["status"], entry["sha256"]
        if key in entries:
            entries[key]["count"] += entry["count"]
            entries[key]["first"] = min(entry["first"], entries[key]["first"])
            entries[key]["last"] = max(entry["last"], entries[key]["last"])
        else:
            entries[key] = dict(entry)
    return list(entries.values())


def start(space, arguments, make, viewer=None):
    """With a viewer, one that needs a token."""
    space.publisher, upstream = recipes.publish(space, arguments.program)
    origins = [
        recipes.Origin(space, arguments.program, upstream, name, arguments.part_target,
                       viewer.access if viewer else "") for name in "AB"]
    cache = make(space, origins, checks_tokens=viewer is not None)
    details = Details(cache, origins)
    if viewer:
        cache.base = details.base = viewer.base("/live/", 3600)
    # Two whole segments, so that there are some that a cache has not been asked for.
    wait_until(
        lambda: details.get(f"{cache.base}/240p/media.m3u8").body.count(b"#EXTINF") >= 3, 60,
        "there is media")
    return cache, origins, details


def one_client(space, arguments, make):
    cache, _, details = start(space, arguments, make)
    if isinstance(cache, recipes.Varnish):
        if shutil.which("hitch"):
            cache.start_hitch()
        else:
            banner("SKIPPED: TLS and HTTP/2 before Varnish: hitch is not installed")
    return details.all()


def viewers(space, arguments, make):
    issuer = tokens.Issuer(space, arguments.program, recipes.Cache.secret)
    _, _, details = start(space, arguments, make, issuer)
    return tokens.all_checks(details, issuer)


def last_origin(space, arguments, make):
    """What the only origin has that is left is served, though it is not ready: its publisher has gone."""
    cache, origins, details = start(space, arguments, make)
    origins[1].kill()
    space.publisher.kill()
    number, _, _ = details.next_part()
    status = details.get(f"{cache.base}/240p/media.m3u8?_HLS_msn={number + 1}").status
    expect(status == 503, f"{status} for what does not come")
    bridge = http.client.HTTPConnection("127.0.0.1", origins[0].port, timeout=20)

    def is_ready():
        bridge.request("GET", "/readyz")
        answer = bridge.getresponse()
        answer.read()
        return answer.status == 200

    wait_until(lambda: not is_ready(), 60, "the origin is not ready")
    # As long as Varnish asks before it believes that.
    end = time.monotonic() + 4
    while time.monotonic() < end:
        for path in ("index.m3u8", "240p/media.m3u8", "manifest.mpd"):
            status = details.get(f"{cache.base}/{path}").status
            expect(status == 200, f"{status} for {path} of the only origin")
        expect(details.get(details.segment()).status == 200, "no segment of the only origin")
        time.sleep(0.5)
    return "a playlist, a manifest and segments of an origin that is not ready"


def newest(origin):
    """The newest segment that a reload has asked an origin for."""
    return max(map(int, re.findall(r"_HLS_msn=(\d+)", origin.log.read_text())), default=0)


def many_players(space, arguments, make):
    cache, origins, _ = start(space, arguments, make)
    began = time.monotonic()
    crowd = Crowd(space, cache, arguments)
    time.sleep(arguments.seconds / 2)
    origins[0].kill()
    time.sleep(arguments.seconds / 2)
    # On a busy machine that can be too little.
    wait_until(lambda: newest(origins[1]) >= newest(origins[0]) + 2, 60, "players go on")
    return judged(cache, origins, crowd.end(), began, arguments)


def judged(cache, origins, result, began, arguments):
    found = judge.Origins(origins, began)
    counts = found.counts()
    faults = result["faults"] + judge.faults_of(merged(result["served"]), found, cache.rounding)
    # Bytes that were sent can't be taken back: of what was being sent when its origin was killed, players
    # have half, and ask again. Nothing else may break.
    lost = found.unanswered()
    for broken in result["broken"]:
        is_excused = (
            broken["origin"] in lost and re.search(cache.streams, broken["key"]) and broken["attempt"] == 1)
        if not is_excused:
            faults.append(f"broke off: {broken}")
    if judge.same_bytes(found):
        faults.append(f"origins differ: {judge.same_bytes(found)[:3]}")
    late = [name for name, position in result["positions"].items()
            if "dash" not in name and not position[2].startswith("B-")]
    if late or len(result["positions"]) != 2 * (arguments.clients + 2 * max(1, arguments.clients // 10)):
        faults.append(f"{len(result['positions'])} media were followed, not past the kill: {late[:5]}")
    expect(not faults, f"{len(faults)} faults: {' | '.join(faults[:12])}")
    text = judge.expect_few(counts, MOST)
    lags = sorted(result["lags"])
    details = ", ".join(f"{kind} {asked}/{objects}" for kind, (asked, objects) in counts.items())
    return (f"{text}, {sum(c[0] for c in counts.values()) / sum(c[1] for c in counts.values()):.3f} each "
            f"({details}); {result['requests']} answers to players; {len(lost)} requests lost with the "
            f"killed origin, {len(result['broken'])} bodies broken off; newest frame to playlist "
            f"p50 {lags[len(lags) // 2]:.2f} s, p99 {lags[len(lags) * 99 // 100]:.2f} s")


def banner(text):
    line = "=" * 66
    print(f"{line}\ncaches: {text}\n{line}", flush=True)


def run(arguments, name, body):
    started = time.monotonic()
    try:
        with Workspace() as space:
            try:
                text = body(space)
            except Exception:
                if arguments.keep:
                    print(space.logs(), flush=True)
                raise
    except Exception as error:  # A case that breaks has failed; the others go on.
        print(f"caches: {name}: FAILED: {type(error).__name__}: {error} "
              f"({time.monotonic() - started:.0f} s)", flush=True)
        return False
    print(f"caches: {name}: {text} ({time.monotonic() - started:.0f} s)", flush=True)
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", default=ROOT / ".build/debug/moq-egress")
    parser.add_argument("--seconds", type=float, default=12, help="how long players play")
    parser.add_argument("--clients", type=int, default=40, help="players of low latency")
    parser.add_argument("--part-target", type=float, default=0.5, metavar="SECONDS")
    parser.add_argument("--only", default="", metavar="REGEX")
    parser.add_argument("--keep", action="store_true", help="print the logs of what failed")
    arguments = parser.parse_args()
    results = []
    for program, make in (("nginx", recipes.Nginx), ("varnishd", recipes.Varnish)):
        if not shutil.which(program):
            banner(f"SKIPPED: {program} is not installed")
            continue
        for what, body in (
                ("one client", one_client), ("tokens", viewers), ("last origin", last_origin),
                ("many players", many_players)):
            name = f"{make.name}, {what}"
            if re.search(arguments.only, name):
                results.append(run(
                    arguments, name, lambda space, body=body, make=make: body(space, arguments, make)))
    print(f"caches: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

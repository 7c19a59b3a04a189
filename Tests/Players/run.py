#!/usr/bin/env python3
"""Plays the demo's HLS and DASH in every player that is installed, and compares the two.

Every player plays in real time without a screen: ffmpeg, mpv, VLC, and GStreamer's hlsdemux2 and
dashdemux2. A case fails on whatever the player complains of that is not listed as harmless, on frames that
are missing or out of order, on missing sound, and when nothing new is shown for many seconds. Other cases
validate manifests against the schema in $DASH_SCHEMA, and show that HLS and DASH have the same frame at
the same time.
"""
import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "Tests/Peers"))

import harmless
import player
import players
import sameness
from processes import Failed, Workspace, wait_until

HLS, DASH, WHOLE, NUMBERS = "index.m3u8", "manifest.mpd", "segments.mpd", "number.mpd"


class Skipped(Exception):
    """What can't be tested here."""


class Service:
    """The demo: publisher and service in one process."""

    # What names the logs of ffmpeg.
    draft, transport = "demo", "http"

    def __init__(self, space, program):
        process = space.start("demo", [
            program, "demo", "--listen", "127.0.0.1:0", "--media", ROOT / "Fixtures/Media"])
        self.base = process.wait_for(r"^listening on (http://127\.0\.0\.1:\d+)$").group(1) + "/demo"
        # A player that begins 3 segments before the edge finds them; VLC's DASH passes over the first two
        # segments that are listed and over the last besides, and has too little in hand otherwise.
        wait_until(lambda: self.listed() >= 8, 40, "there is media")

    def listed(self):
        try:
            return len(sameness.of_playlist(self.base, "240p"))
        except OSError:
            return 0


def with_ffmpeg(space, service, name, seconds):
    sound = space.folder / f"sound-{name}"
    # The demo's ladder begins with its lowest rendition.
    ffmpeg = player.Player(space, service, name, seconds, lowest=0, outputs=[
        "-map", "0:a", "-t", str(seconds), "-f", "s16le", sound])
    ffmpeg.finish(players.PATIENCE)
    ffmpeg.check()
    # 16 bits of two channels.
    heard = sound.stat().st_size / 4 / sameness.SOUND_RATE
    if heard < players.SOUND_SHARE * seconds:
        raise Failed(f"only {heard:.1f} s of sound in {seconds} s")
    return f"{len(ffmpeg.numbers)} frames in order, {heard:.0f} s of sound"


def with_player(kind):
    def body(space, service, name, seconds):
        if not kind.is_there():
            raise Skipped(f"{kind.program} is not installed (of {kind.package})")
        label = f"{kind.__name__.lower()}-{name.partition('.')[0]}"
        return kind(space, label, f"{service.base}/{name}", seconds).play()

    return body


def validates(space, service, name, seconds):
    """Several states of a live MPD are valid."""
    folder = os.environ.get("DASH_SCHEMA")
    if not folder or not shutil.which("xmllint"):
        raise Skipped("DASH_SCHEMA is not set, or there is no xmllint")
    states = set()
    path = space.folder / f"state-{name}"
    deadline = time.monotonic() + max(seconds, 12)
    while time.monotonic() < deadline:
        path.write_bytes(sameness.get(f"{service.base}/{name}"))
        if path.read_bytes() not in states:
            states.add(path.read_bytes())
            result = subprocess.run(
                ["xmllint", "--noout", "--nonet", "--schema", f"{folder}/DASH-MPD.xsd", path],
                capture_output=True, text=True)
            if result.returncode:
                raise Failed(result.stderr[:500])
        time.sleep(0.5)
    if len(states) < 3:
        raise Failed(f"the MPD had only {len(states)} states")
    return f"{len(states)} states are valid"


def is_same(space, service, name, seconds):
    return sameness.compare(space, service.base)


# VLC's DASH is of whole segments: availabilityTimeComplete="false" makes VLC 3.0 keep 2 s in hand, which is
# less than it needs of sound that it reads in blocks of 32 KiB (BUFFERING_LOWEST_LIMIT and CHUNK_SIZE in
# modules/demux/adaptive): it plays such an MPD in order, but waits a few times.
# GStreamer's DASH is by number alone: dashdemux2 adds the start of a SegmentTimeline to what it looks for in
# it, so that it asks for media of twice the time and shows nothing, whoever made the live MPD
# (gst_mpd_client2_stream_seek of ext/adaptivedemux2/dash/gstmpdclient.c, in 1.22 and in what came after it).
CASES = [
    ("ffmpeg HLS", with_ffmpeg, HLS), ("ffmpeg DASH", with_ffmpeg, DASH),
    ("mpv HLS", with_player(players.MPV), HLS), ("mpv DASH", with_player(players.MPV), DASH),
    ("VLC HLS", with_player(players.VLC), HLS),
    ("VLC DASH of whole segments", with_player(players.VLC), WHOLE),
    ("GStreamer HLS", with_player(players.GStreamer), HLS),
    ("GStreamer DASH by number", with_player(players.GStreamer), NUMBERS),
    ("the same frame at the same time", is_same, ""),
    ("the MPD is valid", validates, DASH),
    ("the MPD of whole segments is valid", validates, WHOLE),
    ("the MPD by number is valid", validates, NUMBERS),
]


def run(arguments, service, case):
    """Whether a case passed; nothing when it could not be run."""
    title, body, name = case
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        space = stack.enter_context(Workspace())
        try:
            text, result = body(space, service, name, arguments.seconds), True
        except Skipped as reason:
            print(f"{'=' * 66}\nplayers: {title}: SKIPPED: {reason}\n{'=' * 66}", flush=True)
            return None
        except (Failed, OSError, ValueError, subprocess.SubprocessError) as error:
            text, result = f"FAILED: {error}", False
            if arguments.keep:
                print(space.logs(), flush=True)
    print(f"players: {title}: {text} ({time.monotonic() - started:.0f} s)", flush=True)
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=ROOT / ".build/debug/moq-egress")
    parser.add_argument("--seconds", type=int, default=12, help="how long each player plays")
    parser.add_argument("--only", default="", metavar="REGEX", help="only cases of such names")
    parser.add_argument("--parallel", type=int, default=2, help="how many cases at a time")
    parser.add_argument(
        "--smooth", action="store_true", help="what players say of a busy machine is a fault")
    parser.add_argument("--keep", action="store_true", help="print the logs of what failed")
    arguments = parser.parse_args()
    if arguments.smooth:
        harmless.BUSY = ()
    for kind in (players.MPV, players.VLC, players.GStreamer):
        if kind.is_there():
            print(f"players: {kind.version()}", flush=True)
    wanted = [case for case in CASES if re.search(arguments.only, case[0])]
    with Workspace() as space:
        service = Service(space, arguments.program)
        with concurrent.futures.ThreadPoolExecutor(arguments.parallel) as pool:
            results = list(pool.map(lambda case: run(arguments, service, case), wanted))
    print(f"players: {results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and False not in results else 1


if __name__ == "__main__":
    sys.exit(main())

"""ffmpeg as a player that counts frames.

It opens the multivariant playlist (HLS-082) and the MPD (DASH-030), and decodes every segment of theirs
without a warning (CMAF-015).
"""
import os
import signal
import subprocess
import threading

import read_counter
from processes import Failed

LOOP = 400
# The picture of the lowest of the fixture's video renditions.
WIDTH, HEIGHT = 426, 240
# ffmpeg's DASH demuxer reads the header again with each segment that it opens.
HARMLESS = ("Found duplicated MOOV Atom",)


class Player:
    """An ffmpeg that decodes every stream of a presentation and reads the frames' numbers."""

    def __init__(self, space, bridge, name, seconds, lowest=None, outputs=()):
        """`lowest` is the place of the lowest rendition; `outputs` are more arguments for ffmpeg."""
        self.seconds = seconds
        self.url = f"{bridge.base}/{name}"
        if lowest is None:
            # The ladder ends with its lowest rendition.
            lowest = sum(rendition.is_video for rendition in bridge.renditions()) - 1
        self.stderr = space.folder / f"ffmpeg-{bridge.draft}-{bridge.transport}-{name}.log"
        self.process = subprocess.Popen(
            ["ffmpeg", "-nostdin", "-hide_banner", "-nostats", "-v", "repeat+warning", "-i", self.url,
             "-map", "0", "-t", str(seconds), "-f", "null", "-",
             "-map", f"0:v:{lowest}", "-t", str(seconds), "-fps_mode", "passthrough",
             "-f", "rawvideo", "-pix_fmt", "gray", "pipe:1", *outputs],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=open(self.stderr, "wb"),
            start_new_session=True)
        space.callback(self.kill)
        self.numbers = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for value in read_counter.numbers(self.process.stdout, WIDTH, HEIGHT):
            self.numbers.append(value)

    def kill(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def finish(self, patience=30):
        try:
            self.process.wait(self.seconds + patience)
        except subprocess.TimeoutExpired:
            raise Failed(f"ffmpeg did not get {self.seconds} s of {self.url}: {self.warnings()[-3:]}")
        self.thread.join(5)
        if self.process.returncode != 0:
            raise Failed(
                f"ffmpeg {self.url} ended with {self.process.returncode}: {self.warnings()[:3]}")

    def warnings(self):
        lines = self.stderr.read_text(errors="replace").splitlines()
        return [line for line in lines if line.strip() and not any(h in line for h in HARMLESS)]

    def check(self):
        """Fails on a warning and on any frame that is not the one after the last."""
        if warnings := self.warnings():
            raise Failed(f"ffmpeg {self.url} warns: {' | '.join(warnings[:3])}")
        if problems := read_counter.faults(self.numbers, LOOP):
            raise Failed(f"{self.url}: {len(problems)} faults: {'; '.join(problems[:3])}")
        if len(self.numbers) < self.seconds * 25 - 10:
            raise Failed(f"{self.url}: {len(self.numbers)} frames in {self.seconds} s")


def play(space, bridge, seconds):
    """Plays HLS and DASH at the same time; what was counted."""
    players = [Player(space, bridge, name, seconds) for name in ("index.m3u8", "manifest.mpd")]
    for player in players:
        player.finish()
        player.check()
    return " and ".join(str(len(player.numbers)) for player in players) + " frames"

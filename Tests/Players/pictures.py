"""Frames as a player shows them: when each was shown, and the number that it carries."""
import os
import pathlib
import subprocess
import sys
import threading
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Peers"))

import read_counter

FRAMES_PER_SECOND = 25
LOOP = 400


class Shown:
    """What has been shown so far."""

    def __init__(self):
        # By frame: the time it was shown, and its number or None.
        self.times, self.numbers = [], []
        # The frames with which pictures of another size began.
        self.changes = []

    def add(self, moment, number):
        self.times.append(moment)
        self.numbers.append(number)

    def faults(self, around_changes=0):
        """Where numbers do not count up, but for so many frames on both sides of a change of size."""
        starts = [0, *(index + around_changes for index in self.changes)]
        ends = [*(index - around_changes for index in self.changes), len(self.numbers)]
        return [
            fault for start, end in zip(starts, ends)
            for fault in read_counter.faults(self.numbers[max(start, 0):max(end, start)], LOOP)]

    def goes_back(self):
        """Whether a frame was followed by one from before it, as far as half a loop tells."""
        return any(
            (right - left) % LOOP > LOOP // 2 for left, right in zip(self.numbers, self.numbers[1:])
            if None not in (left, right))

    def longest_wait(self):
        """Seconds from one frame to the next at most."""
        return max((right - left for left, right in zip(self.times, self.times[1:])), default=0)

    def waits(self, least=0.5):
        """How often nothing new was shown for so many seconds."""
        return sum(right - left >= least for left, right in zip(self.times, self.times[1:]))

    def latency(self):
        """Seconds from capture to show, the median, but for whole loops of 16 s.

        The demo's loop begins at whole multiples of its length since 1970.
        """
        loop = LOOP / FRAMES_PER_SECOND
        ordered = sorted(
            (moment - number / FRAMES_PER_SECOND) % loop
            for moment, number in zip(self.times, self.numbers) if number is not None)
        return ordered[len(ordered) // 2] if ordered else 0


class Pipe(Shown):
    """Raw pictures that a player writes to a named pipe at the time they are due."""

    def __init__(self, path, size=None):
        """A size is of gray pictures; without one they are those of a YUV4MPEG2 stream, in which VLC
        repeats the last picture while it waits for another: that one is not shown anew."""
        super().__init__()
        self.size = size
        os.mkfifo(path)
        path.chmod(0o666)
        # Held open for writing as well, so that a player may open it anew for another size.
        self.descriptor = os.open(path, os.O_RDWR)
        self.stream = os.fdopen(self.descriptor, "rb", buffering=1 << 20)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        width, height = self.size or (0, 0)
        while True:
            length = width * height
            if self.size is None:
                line = self.stream.readline()
                if line.startswith(b"YUV4MPEG2 "):
                    fields = line.split()
                    size = tuple(int(field[1:]) for field in fields[1:3])
                    if self.times and size != (width, height):
                        self.changes.append(len(self.times))
                    width, height = size
                    continue
                # The colours at half the size in both directions follow the brightness.
                length += 2 * ((width + 1) // 2) * ((height + 1) // 2)
            picture = self.stream.read(length)
            number = read_counter.number(picture, width)
            if self.size or not self.numbers or number != self.numbers[-1]:
                self.add(time.time(), number)


class Folder(Shown):
    """Pictures that a player writes to files of ascending names at the time they are due."""

    WIDTH, HEIGHT = 160, 90

    def __init__(self, path):
        super().__init__()
        self.path = path

    def count(self):
        return sum(1 for _ in self.path.iterdir())

    def collect(self):
        """Reads them all; the last may be half written and is left out."""
        paths = sorted(self.path.iterdir())[:-1]
        raw = subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-i", self.path / "%08d.png", "-frames:v",
             str(len(paths)), "-f", "rawvideo", "-pix_fmt", "gray", "-"],
            check=True, capture_output=True).stdout
        size = self.WIDTH * self.HEIGHT
        for index, path in enumerate(paths):
            picture = raw[index * size:(index + 1) * size]
            self.add(path.stat().st_mtime, read_counter.number(picture, self.WIDTH))

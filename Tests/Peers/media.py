"""Fixtures/Media as a live broadcast that loops without a seam, whatever it is published with."""
import asyncio
import dataclasses
import hashlib
import json
import pathlib
import time

import fragments

GROUP_SECONDS = 2
FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Fixtures" / "Media"
LADDER = ("720p", "480p", "240p", "audio")


def tracks(names=LADDER):
    return [fragments.Track(name, (FOLDER / f"{name}.mp4").read_bytes()) for name in names]


@dataclasses.dataclass(slots=True)
class Unit:
    """One frame: its place, its decode time in the track's timescale, and its two forms."""

    group: int
    object: int
    moment: int
    chunk: bytes

    @property
    def opens(self):
        return self.object == 0

    @property
    def frame(self):
        return fragments.samples(self.chunk)


class Live:
    """One track, played from `start` on the monotonic clock with decode times from `base` s."""

    def __init__(self, track, start, base, log):
        self.track, self.start, self.base, self.log = track, start, base, log
        # What LOC calls the time of a frame: microseconds since 1970.
        self.epoch = round((time.time() + start - time.monotonic()) * 1e6)

    async def units(self):
        """Yields every frame when its time has come."""
        track = self.track
        group, number, sequence = -1, 0, 0
        length = track.duration // len(track.chunks)
        for loop in range(1 << 30):
            for chunk in track.chunks:
                # From here on the broadcast's clock starts at 0.
                offset = fragments.decode_time(chunk) - track.first_time + loop * track.duration
                wanted = offset // (GROUP_SECONDS * track.timescale)
                opens = fragments.is_sync(chunk) if track.is_video else wanted != group
                due = self.start + (offset + length) / track.timescale
                await asyncio.sleep(max(0, due - time.monotonic()))
                if opens:
                    group, number = group + 1, 0
                sequence += 1
                moment = offset + self.base * track.timescale
                yield Unit(group, number, moment, fragments.restamped(chunk, moment, sequence))
                number += 1

    def microseconds(self, unit):
        """The decode time of a frame, which without B-frames is its presentation time."""
        return round(unit.moment * 1_000_000 / self.track.timescale)

    def note(self, unit, payload):
        """Writes down what is published, for the byte comparison."""
        if self.log:
            digest = hashlib.sha256(payload).hexdigest()
            self.log.write(
                json.dumps([self.track.name, unit.group, unit.object, unit.moment, digest]) + "\n")
            self.log.flush()

"""What must hold of everything that a bridge serves."""
import hashlib
import re
import threading

import fragments
from processes import Failed

# Seconds from one frame to the next, and what rounding to a publisher's clock may change.
VIDEO_STEP, AUDIO_STEP, ROUNDING = 1 / 25, 1024 / 48000, 0.0011


def check_session(bridge):
    """The session is of the draft and the transport that were asked for."""
    status = bridge.status()
    agreed = (status.get("draft"), status.get("transport"))
    wanted = (bridge.draft, {"quic": "quic", "webtransport": "webtransport"}[bridge.transport])
    if agreed != wanted:
        raise Failed(f"the session is {agreed}, not {wanted}")


def served_chunks(bridge, rendition):
    """Of every listed segment (name, chunk) for each chunk."""
    for name in bridge.segments(rendition.name):
        status, body = bridge.get(f"{rendition.name}/{name}")
        if status != 200:
            raise Failed(f"{rendition.name}/{name} is listed and answers {status}")
        for chunk in fragments.split(body)[1]:
            yield name, chunk


def check_steps(bridge, rendition, chunks):
    """Decode times step by one frame each."""
    playlist = bridge.playlist(rendition.name)
    header = re.search(r'#EXT-X-MAP:URI="([^"]+)"', playlist).group(1)
    scale = fragments.timescale(bridge.get(f"{rendition.name}/{header}")[1])
    expected = VIDEO_STEP if rendition.is_video else AUDIO_STEP
    times = [fragments.decode_time(chunk) for _, chunk in chunks]
    for index, (left, right) in enumerate(zip(times, times[1:])):
        if abs((right - left) / scale - expected) > ROUNDING:
            raise Failed(
                f"{rendition.name}/{chunks[index + 1][0]}: a step of {(right - left) / scale} s")


def check_gaps(bridge, rendition):
    """No listed segment is a gap."""
    gap = re.search(r"#EXT-X-GAP\n(?:#.*\n)*(.*)", bridge.playlist(rendition.name))
    if gap:
        raise Failed(f"{rendition.name}/{gap.group(1)} is a gap")


def check_media(bridge):
    """What is served is what was published, every object once and in order, without a gap.

    CMAF chunks are compared as they are, the frames of other packagings as the samples of theirs.
    """
    running = bridge.running
    renditions = bridge.renditions()
    for rendition in renditions:
        check_gaps(bridge, rendition)
    served = {rendition: list(served_chunks(bridge, rendition)) for rendition in renditions}
    # Read last: the newest segments grew with what was published while they were fetched.
    published = running.published(bridge.draft)
    names = {True: [], False: []}
    for name in running.tracks:
        names[name != "audio"].append(name)
    total = 0
    for rendition, chunks in served.items():
        # moq-rs names tracks itself, and keeps their order.
        ours = [other for other in renditions if other.is_video == rendition.is_video]
        name = (
            rendition.name if rendition.name in published
            else names[rendition.is_video][ours.index(rendition)])
        objects = published[name]
        digests = [digest for _, digest in sorted(objects)]
        found = [
            hashlib.sha256(
                chunk if running.source.is_bytewise else fragments.samples(chunk)).hexdigest()
            for _, chunk in chunks]
        if not any(digests[i : i + len(found)] == found for i in range(len(digests))):
            raise Failed(f"{rendition.name}: {difference(digests, found, chunks)}")
        check_steps(bridge, rendition, chunks)
        total += len(found)
    if total < 100:
        raise Failed(f"only {total} chunks are served")
    what = "as published" if running.source.is_bytewise else "with the samples published"
    return f"{total} chunks {what}"


def difference(digests, found, chunks):
    """Where what was served leaves what was published."""
    known = set(digests)
    for digest, (name, _) in zip(found, chunks):
        if digest not in known:
            return f"{name} has a chunk that was not published"
    best = 0
    for start in (i for i, digest in enumerate(digests) if digest == found[0]):
        length = 0
        while digests[start + length : start + length + 1] == found[length : length + 1]:
            length += 1
        best = max(best, length)
    return f"{chunks[best][0]} goes on with another chunk than the next after {best}"


class Watch:
    """Looks at a playlist twice a second and notes what must never be."""

    def __init__(self, bridge, rendition):
        self.bridge, self.rendition = bridge, rendition
        self.faults, self.first, self.text = [], 0, ""
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(0.5):
            try:
                for name in ("index.m3u8", "manifest.mpd"):
                    status, _ = self.bridge.get(name)
                    if status != 200:
                        self.faults.append(f"{name} answered {status}")
                self.text = self.bridge.playlist(self.rendition)
            except OSError as error:
                self.faults.append(f"the service did not answer: {error}")
                continue
            found = re.search(r"^#EXT-X-MEDIA-SEQUENCE:(\d+)$", self.text, re.MULTILINE)
            if not found:
                self.faults.append(f"{self.rendition}/media.m3u8 was not answered")
                continue
            number = int(found.group(1))
            if number < self.first:
                self.faults.append(f"EXT-X-MEDIA-SEQUENCE went from {self.first} to {number}")
            self.first = number

    def stop(self):
        self.stopped.set()
        self.thread.join(15)
        if self.faults:
            raise Failed("; ".join(self.faults[:3]))

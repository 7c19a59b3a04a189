"""Whether HLS and DASH of one broadcast show the same at the same time.

Both are read as a player reads them: HLS by its date-times, DASH by its ProducerReferenceTime and by its
availability times. The pictures carry numbers that the demo counts on UTC, the sound has a beep in every
second of UTC, so that a date that is wrong in both is found as well.
"""
import array
import dataclasses
import datetime
import re
import subprocess
import urllib.parse
import urllib.request
import xml.etree.ElementTree

import read_counter
from pictures import FRAMES_PER_SECOND, LOOP
from processes import Failed

NAMES = {"m": "urn:mpeg:dash:schema:mpd:2011"}
SIZES = {"240p": (426, 240), "480p": (854, 480), "720p": (1280, 720)}
SOUND_RATE = 48_000
FRAME = 1 / FRAMES_PER_SECOND


def get(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


def seconds(text):
    """Seconds since 1970 of a date-time."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def duration(text):
    """Seconds of an xs:duration without years and months."""
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:([\d.]+)S)?)?", text)
    return sum(float(part or 0) * scale for part, scale in zip(found.groups(), (86400, 3600, 60, 1)))


@dataclasses.dataclass(frozen=True)
class Listed:
    """A whole segment as a manifest names it."""

    start: float  # UTC, seconds since 1970.
    header: str
    url: str


def of_playlist(base, name):
    """The whole segments of a media playlist."""
    url = f"{base}/{name}/media.m3u8"
    result, header, start = [], None, None
    for line in get(url).decode().splitlines():
        if line.startswith("#EXT-X-MAP:"):
            header = urllib.parse.urljoin(url, re.search(r'URI="([^"]+)"', line).group(1))
        elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
            start = seconds(line.split(":", 1)[1])
        elif line and not line.startswith("#"):
            result.append(Listed(start, header, urllib.parse.urljoin(url, line)))
    return result


class Manifest:
    """An MPD of one Period."""

    def __init__(self, url):
        self.url, self.root = url, xml.etree.ElementTree.fromstring(get(url))
        self.period = self.root.find("m:Period", NAMES)

    def find(self, name):
        """A Representation's template, and the tick and the UTC of its set's ProducerReferenceTime."""
        for group in self.period.findall("m:AdaptationSet", NAMES):
            for representation in group.findall("m:Representation", NAMES):
                if representation.get("id") == name:
                    reference = group.find("m:ProducerReferenceTime", NAMES)
                    return (representation.find("m:SegmentTemplate", NAMES),
                            int(reference.get("presentationTime")),
                            seconds(reference.get("wallClockTime")))
        raise Failed(f"{self.url} has no {name}")

    def numbered(self, name, moment):
        """The URL of the segment of a UTC where segments have numbers."""
        template, ticks, wall = self.find(name)
        scale, offset, length, first = (int(template.get(key)) for key in (
            "timescale", "presentationTimeOffset", "duration", "startNumber"))
        number = first + int(((moment - wall) * scale + ticks - offset) // length)
        return urllib.parse.urljoin(
            self.url, template.get("media").replace("$Number$", str(number)))

    def segments(self, name):
        """What a Representation lists, times by its set's ProducerReferenceTime; and how much later
        the availability times put them."""
        template, ticks, wall = self.find(name)
        scale, offset = (int(template.get(key)) for key in ("timescale", "presentationTimeOffset"))
        begins = seconds(self.root.get("availabilityStartTime")) + duration(self.period.get("start"))
        later = begins - wall + (ticks - offset) / scale
        header = urllib.parse.urljoin(self.url, template.get("initialization"))
        media = template.get("media")
        return [
            Listed(wall + (time - ticks) / scale, header,
                   urllib.parse.urljoin(self.url, media.replace("$Time$", str(time))))
            for time in self.times(template)], later

    def times(self, template):
        """Where segments start, in ticks."""
        result = []
        for run in template.findall("m:SegmentTimeline/m:S", NAMES):
            start, length = int(run.get("t")), int(run.get("d"))
            result += [start + length * index for index in range(int(run.get("r", "0")) + 1)]
        return result


def decode(space, segment, arguments):
    """What ffmpeg makes of a header and one segment."""
    path = space.folder / "same.mp4"
    path.write_bytes(get(segment.header) + get(segment.url))
    result = subprocess.run(
        ["ffmpeg", "-nostdin", "-v", "error", "-i", path, *arguments, "-"], capture_output=True)
    if result.returncode or result.stderr:
        raise Failed(f"ffmpeg says of {segment.url}: {result.stderr.decode()[:300]}")
    return result.stdout


def numbers(space, name, segment):
    """The number of every frame by its UTC in milliseconds."""
    width, height = SIZES[name]
    raw = decode(space, segment, [
        "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "gray"])
    size = width * height
    return {
        round((segment.start + index * FRAME) * 1000):
            read_counter.number(raw[index * size:(index + 1) * size], width)
        for index in range(len(raw) // size)}


def beeps(space, segment):
    """When the beep begins in every second, UTC: crossings of zero are twice as many then."""
    samples = array.array("h", decode(space, segment, ["-ac", "1", "-f", "s16le"]))
    window, found, was = SOUND_RATE // 200, [], True
    for start in range(0, len(samples) - window, window):
        part = samples[start:start + window]
        crossings = sum((left < 0) != (right < 0) for left, right in zip(part, part[1:]))
        if crossings > 6 and not was:
            found.append(segment.start + start / SOUND_RATE)
        was = crossings > 6
    return found, samples


def common(left, right):
    """The newest segments that both list, one for each."""
    by_url = {segment.url: segment for segment in right}
    pairs = [(segment, by_url[segment.url]) for segment in left if segment.url in by_url]
    if len(pairs) < 3:
        raise Failed(f"only {len(pairs)} segments of {len(left)} and {len(right)} are in both")
    return pairs


def compare(space, base):
    """Fails on anything that is not at the same time in both; what was compared."""
    # The playlists first: all that they list, the MPD that is asked for later lists too.
    playlists = {name: of_playlist(base, name) for name in (*SIZES, "audio")}
    manifest, by_number = Manifest(f"{base}/manifest.mpd"), Manifest(f"{base}/number.mpd")
    frames, delays, apart, seen = 0, set(), 0, {}
    for name, listed in playlists.items():
        others, delay = manifest.segments(name)
        delays.add(round(delay * 1000))
        pairs = common(listed, others)
        for hls, dash in pairs:
            # Playlists tell milliseconds, timelines ticks.
            apart = max(apart, abs(hls.start - dash.start))
        if apart >= 0.001:
            raise Failed(f"{name}: HLS and DASH are {apart * 1000:.3f} ms apart")
        hls, dash = pairs[-1]
        # A moment in its middle: sound is cut at frames near the boundaries of the picture.
        if get(by_number.numbered(name, hls.start + 1)) != get(hls.url):
            raise Failed(f"{name}: the segment by number is another than {hls.url}")
        if name == "audio":
            check_sound(space, hls, dash)
            continue
        shown = numbers(space, name, hls)
        if shown != numbers(space, name, dash):
            raise Failed(f"{name}: HLS shows {shown}, DASH {numbers(space, name, dash)}")
        for moment, number in shown.items():
            if number is None or number != moment * FRAMES_PER_SECOND // 1000 % LOOP:
                raise Failed(f"{name} shows frame {number} at {moment / 1000}")
            if seen.setdefault(moment, number) != number:
                raise Failed(f"renditions show {number} and {seen[moment]} at {moment / 1000}")
        frames += len(shown)
    if len(delays) != 1 or not 0 <= min(delays) <= 2000:
        raise Failed(f"availability is {sorted(delays)} ms after the time of media")
    return (f"{frames} frames of three renditions with the same number at the same millisecond, which is "
            f"that of their number; segments at most {apart * 1e6:.0f} µs apart, beeps on the second; "
            f"availability {min(delays)} ms later in all")


def check_sound(space, hls, dash):
    (left, samples), (right, others) = beeps(space, hls), beeps(space, dash)
    if samples != others:
        raise Failed("the samples of sound are not the same")
    if not left:
        raise Failed("there is no beep in the sound")
    for one, other in zip(left, right):
        # A beep is at the whole second, as far as a window and the encoder's delay of a frame tell.
        if abs(one - other) >= 0.001 or abs(one - round(one)) > FRAME:
            raise Failed(f"beeps at {one:.3f} s in HLS and at {other:.3f} s in DASH")

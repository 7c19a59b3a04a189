"""The samples of MP4 files as ffprobe sees them, and whether two files hold the same ones."""
import json
import struct
import subprocess

import fragments


class Mismatch(Exception):
    """Samples that are not what was encoded."""


def written(data):
    """The composition time offset and the duration of every sample, in ticks and as written.

    FFmpeg moves presentation times so that none comes before its decode time, and guesses durations.
    """
    header, chunks = fragments.split(data)
    content, _ = fragments.find(header, "moov/mvex/trex")
    general, = struct.unpack_from(">I", header, content + 12)
    for chunk in chunks:
        default = general
        start, end = fragments.find(chunk, "moof/traf")
        for kind, _, content, _ in fragments.boxes(chunk, start, end):
            flags, = struct.unpack_from(">I", chunk, content)
            if kind == "tfhd" and flags & 8:
                place = content + 8 + (8 if flags & 1 else 0) + (4 if flags & 2 else 0)
                default, = struct.unpack_from(">I", chunk, place)
            if kind == "trun":
                yield from run_of_samples(chunk, content, flags, default)


def run_of_samples(chunk, content, flags, default):
    count, = struct.unpack_from(">I", chunk, content + 4)
    place = content + 8 + 4 * (flags & 1) + (flags & 4)
    for _ in range(count):
        duration, offset = default, 0
        for bit in (0x100, 0x200, 0x400, 0x800):
            if flags & bit:
                # Offsets are unsigned in version 0; none here comes near what makes a difference.
                value, = struct.unpack_from(">i", chunk, place)
                duration = value if bit == 0x100 else duration
                offset = value if bit == 0x800 else offset
                place += 4
        yield offset, duration


class Samples:
    """All samples of a file with one track."""

    def __init__(self, path):
        output = subprocess.run(
            ["ffprobe", "-v", "error", "-ignore_editlist", "1", "-show_packets", "-show_data_hash",
             "sha256", "-show_entries",
             "packet=dts,size,flags,data_hash:stream=time_base,codec_type", "-of", "json",
             path], check=True, capture_output=True)
        if output.stderr:
            raise Mismatch(f"ffprobe says {output.stderr.decode().splitlines()[0]}")
        found = json.loads(output.stdout)
        self.timescale = int(found["streams"][0]["time_base"].split("/")[1])
        self.is_video = found["streams"][0]["codec_type"] == "video"
        self.packets = found["packets"]
        for packet, sample in zip(self.packets, written(path.read_bytes()), strict=True):
            packet["pts"], packet["duration"] = packet["dts"] + sample[0], sample[1]

    def times(self, name):
        return [int(packet[name]) for packet in self.packets]

    def retime(self, times, timescale):
        """Puts samples at other times, of which the first is taken for the beginning of the loop."""
        self.timescale = timescale
        for packet, time in zip(self.packets, times, strict=True):
            packet["pts"] = packet["dts"] = time

    def contents(self):
        """What a sample is but for its time: bytes, size, whether it is a sync sample."""
        return [(p["data_hash"], p["size"], p["flags"][0] == "K") for p in self.packets]


def rescaled(ticks, scale, other):
    """The nearest tick of another timescale."""
    return (2 * ticks * other + scale) // (2 * scale)


def compare(served, encoded, loop_seconds, at_least, keeps_decode_times, begin=None):
    """Fails unless served samples are the encoded ones, one after the other, at their exact times.

    The publisher plays a file in a loop, at times since 1970: a sample must be at its time in the file
    plus a whole number of loops, to the tick of the served timescale. `loop_seconds` is a fraction.
    The file's first decode time, or `begin`, is where a loop begins. Packagings that tell presentation times only may give other decode times, later ones by a constant.
    Returns how many samples were compared.
    """
    contents, original = served.contents(), encoded.contents()
    presentation, decode = served.times("pts"), served.times("dts")
    first = encoded.times("dts")[0] if begin is None else begin
    offsets = [time - first for time in encoded.times("pts")]
    decodes = [time - first for time in encoded.times("dts")]
    loop = loop_seconds * encoded.timescale
    if loop.denominator != 1:
        raise Mismatch(f"a loop of {loop_seconds} s is no whole number of ticks")
    loop = int(loop)
    if len(contents) < at_least:
        raise Mismatch(f"only {len(contents)} samples are served, {at_least} were to be")

    def expected(round_, ticks):
        return rescaled(round_ * loop + ticks, encoded.timescale, served.timescale)

    def position():
        """Where in the file the first served sample is, by its bytes and its time."""
        around = rescaled(presentation[0], served.timescale, encoded.timescale) // loop
        for index, content in enumerate(original):
            for round_ in (around - 1, around, around + 1):
                if content == contents[0] and expected(round_, offsets[index]) == presentation[0]:
                    return round_, index
        raise Mismatch(f"the first served sample, at {presentation[0]}, is none at its exact time")

    round_, index = position()
    delays = set()
    for number, content in enumerate(contents):
        if content != original[index]:
            raise Mismatch(f"sample {number} is not, byte for byte, sample {index} of the file")
        if presentation[number] != expected(round_, offsets[index]):
            raise Mismatch(
                f"sample {number} is shown at {presentation[number]}, "
                f"not {expected(round_, offsets[index])}")
        delays.add(decode[number] - expected(round_, decodes[index]))
        if number and decode[number] <= decode[number - 1]:
            raise Mismatch(f"decode times do not ascend at sample {number}")
        index += 1
        if index == len(original):
            round_, index = round_ + 1, 0
    if len(delays) != 1 or keeps_decode_times and delays != {0}:
        raise Mismatch(f"decode times are off by {sorted(delays)[:5]} ticks")
    return len(contents)

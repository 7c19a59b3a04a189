"""A rendition in the folder that a replay wrote, and what an init segment says of its codec."""
import re
import struct

import fragments


class Rendition:
    """The init segment and the segments that a media playlist lists."""

    def __init__(self, folder):
        self.folder = folder
        self.playlist = (folder / "media.m3u8").read_text()
        lines = self.playlist.splitlines()
        maps = re.findall(r'^#EXT-X-MAP:.*URI="([^"]+)"', self.playlist, re.MULTILINE)
        self.init = maps[0] if maps else None
        # What is missing has a name, but no file.
        self.segments = [
            line for index, line in enumerate(lines)
            if line and not line.startswith("#") and "#EXT-X-GAP" not in lines[max(0, index - 3):index]]
        durations = re.findall(r"^#EXTINF:([0-9.]+)", self.playlist, re.MULTILINE)
        self.duration = sum(map(float, durations))

    def faults(self):
        """What a playlist of media without a hole does not have."""
        found = []
        if not self.segments:
            found.append("no segments")
        for tag in ("EXT-X-GAP", "EXT-X-DISCONTINUITY\n", "GAP=YES"):
            if count := self.playlist.count(tag):
                found.append(f"{count} {tag.strip()}")
        if count := len(set(re.findall("#EXT-X-MAP:.*", self.playlist))) - 1:
            found.append(f"{count} more init segments")
        return found

    def names(self):
        return [self.init, *self.segments]

    def header(self):
        return (self.folder / self.init).read_bytes()

    def concatenated(self, path):
        """Writes the init segment and the segments as one file."""
        path.write_bytes(b"".join((self.folder / name).read_bytes() for name in self.names()))
        return path


def codec_text(header):
    """The codecs parameter of a header with one track, of its sample entry alone.

    RFC 6381; ISO/IEC 14496-15 annex E; AV1 and VP9 in ISOBMFF; the registered names of the rest.
    """
    start, end = fragments.find(header, "moov/trak/mdia/minf/stbl/stsd")
    kind, _, body, entry_end = next(fragments.boxes(header, start + 8, end))
    fields = 78 if kind in ("avc1", "avc3", "hvc1", "hev1", "av01", "vp09") else 28
    children = {name: header[content:stop] for name, _, content, stop in
                fragments.boxes(header, body + fields, entry_end)}
    if kind in ("avc1", "avc3"):
        return f"{kind}.{children['avcC'][1:4].hex()}"
    if kind in ("hvc1", "hev1"):
        return f"{kind}.{hevc_text(children['hvcC'])}"
    if kind == "av01":
        _, levels, depths, _ = children["av1C"][:4]
        depth = 8 if not depths & 0x40 else 12 if depths & 0x20 else 10
        tier = "H" if depths & 0x80 else "M"
        return f"av01.{levels >> 5}.{levels & 31:02}{tier}.{depth:02}"
    if kind == "vp09":
        profile, level, depth = children["vpcC"][4:7]
        return f"vp09.{profile:02}.{level:02}.{depth >> 4:02}"
    if kind == "mp4a":
        return mpeg_text(children["esds"])
    return kind


def hevc_text(record):
    flags, = struct.unpack_from(">I", record, 2)
    compatibility = int(f"{flags:032b}"[::-1], 2)
    constraints = record[6:12].rstrip(b"\0")
    space = ["", "A", "B", "C"][record[1] >> 6]
    tier = "H" if record[1] & 0x20 else "L"
    parts = [f"{space}{record[1] & 31}", f"{compatibility:X}", f"{tier}{record[12]}"]
    return ".".join(parts + [f"{byte:X}" for byte in constraints])


def mpeg_text(descriptor):
    """Of an esds: mp4a.40 and the audio object type, or the object type indication alone."""
    place = 4
    while descriptor[place] != 4:  # the DecoderConfigDescriptor is inside the ES_Descriptor
        place = after_length(descriptor, place) + (3 if descriptor[place] == 3 else 0)
    content = after_length(descriptor, place)
    if descriptor[content] != 0x40:
        return f"mp4a.{descriptor[content]:02X}"
    specific = after_length(descriptor, content + 13)
    return f"mp4a.40.{descriptor[specific] >> 3}"


def after_length(descriptor, place):
    place += 1
    while descriptor[place] & 0x80:
        place += 1
    return place + 1

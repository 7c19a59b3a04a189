"""Fragmented MP4 as far as the peers need it: headers, chunks, decode times."""
import struct


def boxes(data, start=0, end=None):
    """Yields (type, start, content start, end) of the boxes in a range."""
    end = len(data) if end is None else end
    while start < end:
        size, kind = struct.unpack_from(">I4s", data, start)
        header = 8
        if size == 1:
            size = struct.unpack_from(">Q", data, start + 8)[0]
            header = 16
        if size < header or start + size > end:
            raise ValueError(f"box {kind!r} of {size} bytes at {start} does not fit")
        yield kind.decode("latin-1"), start, start + header, start + size
        start += size


def find(data, path, start=0, end=None):
    """The (content start, end) of the first box at a path such as moof/traf/tfdt."""
    for name in path.split("/"):
        start, end = next((b[2], b[3]) for b in boxes(data, start, end) if b[0] == name)
    return start, end


def split(data):
    """Cuts a file or a segment into (everything before the first moof, [moof and mdat, …])."""
    header, chunks, moof = b"", [], None
    for kind, start, _, end in boxes(data):
        if kind == "moof":
            moof = start
        elif kind == "mdat" and moof is not None:
            chunks.append(bytes(data[moof:end]))
            moof = None
        elif not chunks and moof is None:
            header += data[start:end]
    return header, chunks


def samples(chunk):
    """The samples of a chunk, one after the other."""
    start, end = find(chunk, "mdat")
    return bytes(chunk[start:end])


def timescale(header):
    content, _ = find(header, "moov/trak/mdia/mdhd")
    return struct.unpack_from(">I", header, content + (20 if header[content] else 12))[0]


def descriptor(data, tags, start, end):
    """The content of the descriptor that is reached by way of these tags (ISO/IEC 14496-1)."""
    skipped = {3: 3, 4: 13}
    while start < end:
        tag, size = data[start], 0
        while True:
            start += 1
            size = size << 7 | data[start] & 127
            if data[start] < 128:
                break
        start += 1
        if tag == tags[0]:
            if len(tags) == 1:
                return bytes(data[start : start + size])
            return descriptor(data, tags[1:], start + skipped[tag], start + size)
        start += size
    raise ValueError(f"no descriptor {tags}")


def decode_time(chunk):
    content, _ = find(chunk, "moof/traf/tfdt")
    return struct.unpack_from(">Q" if chunk[content] else ">I", chunk, content + 4)[0]


def restamped(chunk, time, sequence):
    """The chunk at another decode time; its tfdt has 64 bits, as ffmpeg writes it."""
    patched = bytearray(chunk)
    content, _ = find(chunk, "moof/traf/tfdt")
    if not chunk[content]:
        raise ValueError("the tfdt has 32 bits")
    struct.pack_into(">Q", patched, content + 4, time)
    content, _ = find(chunk, "moof/mfhd")
    struct.pack_into(">I", patched, content + 4, sequence & 0xFFFFFFFF)
    return bytes(patched)


def is_sync(chunk):
    """Whether the first sample is marked as a sync sample."""
    content, _ = find(chunk, "moof/traf/trun")
    flags = struct.unpack_from(">I", chunk, content)[0] & 0xFFFFFF
    offset = content + 8 + (4 if flags & 1 else 0)
    if flags & 4:
        return not struct.unpack_from(">I", chunk, offset)[0] & 0x10000
    if flags & 0x400:
        offset += (4 if flags & 0x100 else 0) + (4 if flags & 0x200 else 0)
        return not struct.unpack_from(">I", chunk, offset)[0] & 0x10000
    content, _ = find(chunk, "moof/traf/tfhd")
    flags = struct.unpack_from(">I", chunk, content)[0] & 0xFFFFFF
    if not flags & 0x20:
        return True
    offset = content + 8 + sum(n for bit, n in ((1, 8), (2, 4), (8, 4), (16, 4)) if flags & bit)
    return not struct.unpack_from(">I", chunk, offset)[0] & 0x10000


class Track:
    """One file of Fixtures/Media: its header, its chunks, and what a catalog says about it."""

    def __init__(self, name, data):
        self.name = name
        self.header, self.chunks = split(data)
        self.timescale = timescale(self.header)
        content, _ = find(data, "moov/trak/mdia/hdlr")
        self.is_video = data[content + 8 : content + 12] == b"vide"
        entry, end = find(data, "moov/trak/mdia/minf/stbl/stsd")
        entry += 16  # version, count, and the sample entry's own header
        if self.is_video:
            self.width, self.height = struct.unpack_from(">HH", data, entry + 24)
            start, end = find(data, "avcC", entry + 78, end)
            self.configuration = data[start:end]
            self.codec = "avc1." + self.configuration[1:4].hex()
        else:
            self.channels = struct.unpack_from(">H", data, entry + 16)[0]
            start, end = find(data, "esds", entry + 28, end)
            self.configuration = descriptor(data, (3, 4, 5), start + 4, end)
            self.codec = "mp4a.40.2"
        self.first_time = decode_time(self.chunks[0])
        self.duration = self.timescale * 16
        self.bitrate = sum(map(len, self.chunks)) * 8 // 16

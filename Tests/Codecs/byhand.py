"""Recordings of what no publisher here sends, made of the encoders' samples.

A script gets the encoded files by set and name and writes a recording. It returns what must come out:
for each track its name, the file, and where times are not those of the file a list of these with the
rate that they are counted in.
"""
import base64
import fractions
import random
import struct

import fragments
import recording
import rendition
import samples

# Seconds since 1970; a whole number of loops, of which these recordings hold one.
EPOCH = 1_795_662_400
TRACK = {"packaging": "loc", "isLive": True, "renderGroup": 1}


class Encoded:
    """An encoder's file taken apart: samples with times, and the decoder's configuration."""

    def __init__(self, path):
        data = path.read_bytes()
        self.header, chunks = fragments.split(data)
        self.payloads, self.syncs = [], []
        for chunk in chunks:
            start, end = fragments.find(chunk, "mdat")
            self.payloads.append(chunk[start:end])
            self.syncs.append(fragments.is_sync(chunk))
        found = samples.Samples(path)
        self.scale = found.timescale
        first = found.times("dts")[0]
        self.times = [time - first for time in found.times("pts")]
        self.codec = rendition.codec_text(self.header)

    def configuration(self, name):
        """The body of the configuration box in the sample entry."""
        place = self.header.index(name.encode())
        size, = struct.unpack_from(">I", self.header, place - 4)
        return self.header[place + 4:place - 4 + size]


def units(sample):
    """The NAL units of a sample with lengths of four bytes."""
    place = 0
    while place < len(sample):
        size, = struct.unpack_from(">I", sample, place)
        yield sample[place + 4:place + 4 + size]
        place += 4 + size


def avc_sets(record):
    """The parameter sets of an avcC."""
    place, found = 6, []
    for count in (record[5] & 31, None):
        if count is None:
            count, place = record[place], place + 1
        for _ in range(count):
            size, = struct.unpack_from(">H", record, place)
            found.append(record[place + 2:place + 2 + size])
            place += 2 + size
    return found


def hevc_sets(record):
    """The parameter sets of an hvcC."""
    place, found = 23, []
    for _ in range(record[22]):
        count, = struct.unpack_from(">H", record, place + 1)
        place += 3
        for _ in range(count):
            size, = struct.unpack_from(">H", record, place)
            found.append(record[place + 2:place + 2 + size])
            place += 2 + size
    return found


def start_codes(found):
    """Annex B: the first unit after four bytes, the others after three, as encoders write them."""
    return b"".join((b"\0\0\1" if index else b"\0\0\0\1") + unit for index, unit in enumerate(found))


def file_times(encoded):
    """When each sample is shown, in microseconds since 1970."""
    return [round((EPOCH + fractions.Fraction(t, encoded.scale)) * 1_000_000) for t in encoded.times]


def add_track(made, encoded, entry, groups, times, payload):
    """Adds a track's catalog entry and objects; the entry is returned.

    `groups` has a group's number for each sample, and `times` microseconds since 1970;
    `payload(sample, begins_group)` makes an object of a sample.
    """
    track = {**TRACK, **entry}
    number = 0
    for index, sample in enumerate(encoded.payloads):
        begins = index == 0 or groups[index] != groups[index - 1]
        number = 0 if begins else number + 1
        arrival = times[index] / 1_000_000 + 0.1
        if begins and index:
            made.end_group(arrival, track["name"], groups[index - 1])
        made.object(
            arrival, track["name"], groups[index], number, payload(sample, begins),
            [(0x10, times[index])])
    made.end_group(arrival, track["name"], groups[-1])
    return track


def picture_groups(encoded):
    """A group from each key frame on."""
    found, group = [], 0
    for is_sync in encoded.syncs:
        group += is_sync
        found.append(group)
    return found


def video(path, file, namespace, name, entry, payload):
    """A recording of one track of pictures at the times of its file."""
    encoded = Encoded(path)
    made = recording.Recording(namespace)
    picture = {"name": name, "role": "video", "width": 160, "height": 90, "framerate": 25}
    track = add_track(
        made, encoded, {**picture, **entry(encoded)}, picture_groups(encoded), file_times(encoded),
        lambda sample, begins: payload(encoded, sample, begins))
    made.catalog(EPOCH - 0.5, [track])
    made.write(file)
    return [(name, path, None, None)]


def avc_in_band(files, file, namespace):
    """H.264 with start codes, delimiters, and parameter sets in front of key frames alone."""
    def payload(encoded, sample, begins):
        sets = avc_sets(encoded.configuration("avcC")) if begins else []
        return start_codes([b"\x09\xf0", *sets, *units(sample)])
    return video(
        files["pictures"]["h264-bframes"], file, namespace, "avc-in-band",
        lambda encoded: {"codec": encoded.codec.replace("avc1", "avc3")}, payload)


def avc_out_of_band(files, file, namespace):
    """H.264 with start codes and an avcC in the catalog."""
    return video(
        files["pictures"]["h264-bframes"], file, namespace, "avc-out-of-band",
        lambda encoded: {
            "codec": encoded.codec,
            "initData": base64.b64encode(encoded.configuration("avcC")).decode()},
        lambda encoded, sample, begins: start_codes(list(units(sample))))


def avc_open_groups(files, file, namespace):
    """H.264 whose later groups begin with recovery points, and pictures that are shown before these."""
    return video(
        files["open"]["h264-open-gop"], file, namespace, "avc-open-groups",
        lambda encoded: {
            "codec": encoded.codec,
            "initData": base64.b64encode(encoded.configuration("avcC")).decode()},
        lambda encoded, sample, begins: sample)


def hevc_in_band(files, file, namespace):
    """HEVC with start codes, delimiters, and parameter sets in front of key frames alone."""
    def payload(encoded, sample, begins):
        sets = hevc_sets(encoded.configuration("hvcC")) if begins else []
        return start_codes([b"\x46\x01\x50", *sets, *units(sample)])
    return video(
        files["pictures"]["hevc-main10"], file, namespace, "hevc-in-band",
        lambda encoded: {"codec": encoded.codec.replace("hvc1", "hev1")}, payload)


def hevc_lengths_in_band(files, file, namespace):
    """HEVC with lengths, and parameter sets in front of key frames alone."""
    def payload(encoded, sample, begins):
        sets = hevc_sets(encoded.configuration("hvcC")) if begins else []
        return b"".join(struct.pack(">I", len(unit)) + unit for unit in [*sets, *units(sample)])
    return video(
        files["pictures"]["hevc-main10"], file, namespace, "hevc-lengths-in-band",
        lambda encoded: {"codec": encoded.codec.replace("hvc1", "hev1")}, payload)


def av1_temporal_units(files, file, namespace):
    """AV1 with the temporal delimiters that streams outside of MP4 have."""
    return video(
        files["pictures"]["av1"], file, namespace, "av1-temporal-units",
        lambda encoded: {"codec": encoded.codec},
        lambda encoded, sample, begins: b"\x12\x00" + sample)


def aac_adts(files, file, namespace):
    """AAC with an ADTS header in front of every frame and no configuration anywhere else."""
    def payload(sample, _):
        # Profile LC, 48 kHz, two channels, a full buffer, one block.
        size = len(sample) + 7
        return bytes([
            0xFF, 0xF1, 1 << 6 | 3 << 2, 2 << 6 | size >> 11, size >> 3 & 0xFF,
            (size & 7) << 5 | 0x1F, 0xFC]) + sample
    path = files["sound"]["aac"]
    encoded = Encoded(path)
    made = recording.Recording(namespace)
    sound = {
        "name": "aac-adts", "role": "audio", "codec": "mp4a.40.2", "samplerate": 48000,
        "channelConfig": "2"}
    groups = [index // 47 for index in range(len(encoded.times))]
    made.catalog(
        EPOCH - 0.5, [add_track(made, encoded, sound, groups, file_times(encoded), payload)])
    made.write(file)
    return [("aac-adts", path, None, None)]


def webcam(files, file, namespace):
    """Pictures after 2 to 78 ms and sound packets, both with jitter in their timestamps.

    Key frames come every two seconds, more or less; the catalog's rate is not the pictures'. Within a
    group packets of sound follow each other, whatever their timestamps say.
    """
    chance = random.Random(34)
    picture, sound = files["sound"]["h264"], files["sound"]["opus"]
    seen, heard = Encoded(picture), Encoded(sound)
    times = [
        EPOCH * 1_000_000 + index * 40_000 + chance.randint(0, 38) * 1000
        for index in range(len(seen.times))]
    stamps = [time + chance.randint(0, 8000) for time in file_times(heard)]
    groups = [index // 100 for index in range(len(stamps))]
    made = recording.Recording(namespace)
    made.catalog(EPOCH - 0.5, [
        add_track(
            made, seen, {
                "name": "webcam", "role": "video", "codec": seen.codec, "width": 160, "height": 90,
                "framerate": 30,
                "initData": base64.b64encode(seen.configuration("avcC")).decode()},
            picture_groups(seen), times, lambda sample, _: sample),
        add_track(
            made, heard, {
                "name": "microphone", "role": "audio", "codec": "opus", "samplerate": 48000,
                "channelConfig": "2"},
            groups, stamps, lambda sample, _: sample)])
    made.write(file)
    ticks = [
        samples.rescaled(stamps[index // 100 * 100], 1_000_000, 48_000) + index % 100 * 960
        for index in range(len(stamps))]
    return [("webcam", picture, times, 1_000_000), ("microphone", sound, ticks, 48_000)]


SCRIPTS = (
    avc_in_band, avc_out_of_band, avc_open_groups, hevc_in_band, hevc_lengths_in_band,
    av1_temporal_units, aac_adts, webcam)

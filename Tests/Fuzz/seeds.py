#!/usr/bin/env python3
"""Writes what fuzzing starts with into FOLDER/<target>/, made of the repository's fixtures.

usage: seeds.py FOLDER
"""
import base64
import hashlib
import json
import pathlib
import random
import shutil
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRAFTS = [14, 16, 18, 20, 22]
CATALOG = {
    "version": "draft-01",
    "tracks": [
        {
            "name": "720p", "packaging": "cmaf", "isLive": True, "role": "video", "altGroup": 1,
            "codec": "avc1.4d401f", "width": 1280, "height": 720, "framerate": 25, "bitrate": 800000,
            "initRef": "a", "renderGroup": 1, "lang": "en", "maxGopDuration": 2000,
        },
        {"name": "audio", "packaging": "loc", "codec": "mp4a.40.2", "samplerate": 48000},
    ],
    "initDataList": [{"id": "a", "type": "inline", "data": "AAAAGGZ0eXA="}],
}
DELTA = {
    "deltaUpdate": [
        {"op": "clone", "tracks": [{"parentName": "720p", "name": "480p", "width": 854}]},
        {"op": "update", "tracks": [{"name": "audio", "samplerate": 44100}]},
        {"op": "remove", "tracks": [{"name": "audio"}]},
        {"op": "add", "tracks": [{"name": "b", "packaging": "cmaf"}]},
    ]
}

# Sessions by stream, as other implementations have sent them to a client and to a server.
SETTINGS = "00042501000680010000070008013301ac7cf0000194e9cd2901c0000000c671706a01ab60374201"
WEBTRANSPORT = [
    [
        (3, SETTINGS), (7, "02"), (11, "03"), (15, "405400aabb"), (1, "404100ccdd"),
        (0, "0140270000d95f4d0a48335a65726f2f312e30270477742d70726f746f636f6c09226d6f71742d313822"),
        (0, "00050003010203"), (0, "0005800078ae00"), (3, "070104"), (0, "000a684307000000036e6f21"),
    ],
    [
        (2, SETTINGS), (6, "02"), (10, "03"),
        (0, "0140590000cfd751012f27023a70726f746f636f6c0c7765627472616e73706f727450093132372e302e302e31"
            "5f500a48335a65726f2f312e30270f77742d617661696c61626c652d70726f746f636f6c7309226d6f71742d"
            "313822"),
        (14, "405400aabb"), (4, "404100ccdd"), (0, "00050003010203"), (0, "000768430400000000"),
    ],
]


def add_remux(add):
    """Scripts for a remuxer: what peers really sent, and golden vectors."""

    def number16(count):
        return bytes([count >> 8 & 0xFF, count & 0xFF])

    def script(packaging, codec, configuration, objects):
        data = bytes([["loc", "legacy", "hang", "locmaf"].index(packaging), codec])
        data += number16(len(configuration)) + configuration
        for group, number, properties, payload in objects:
            present, values = 0, b""
            for bit, kind in enumerate([0x10, 0x06, 0x08, 0x0D, 0x0F]):
                if kind not in properties:
                    continue
                present |= 1 << bit
                value = properties[kind]
                if bit < 2:
                    values += value.to_bytes(8, "big")
                elif bit == 2:
                    values += b"\xf9" + value.to_bytes(8, "big")
                else:
                    values += bytes([len(value)]) + value
            data += bytes([0, group & 0xFF, number & 0xFF, present]) + values
            data += number16(len(payload)) + payload
        return data

    for path in (ROOT / "Fixtures/Remux").glob("*-1[468].json"):
        capture = json.loads(path.read_text())
        configurations = {
            entry["id"]: base64.b64decode(entry["data"]) for entry in capture["catalog"]["initDataList"]
        }
        for track in capture["catalog"]["tracks"]:
            codec = {"avc": 0, "mp4": 4, "opu": 5}[track["codec"][:3].lower()]
            objects = [
                (
                    line["group"], line["object"],
                    {
                        entry["type"]: entry.get("integer", bytes.fromhex(entry.get("bytes", "")))
                        for entry in line["properties"]
                    },
                    base64.b64decode(line["payload"]),
                )
                for line in capture["tracks"][track["name"]]
            ]
            configuration = configurations.get(track.get("initRef"), b"")
            add("Remux", script(track["packaging"], codec, configuration, objects))
    for case in json.loads((ROOT / "Fixtures/Remux/locmaf-vectors.json").read_text()):
        objects = [
            (line["group"], line["object"], {}, base64.b64decode(line["payload"]))
            for line in case["objects"]
        ]
        add("Remux", script("locmaf", 0, base64.b64decode(case["header"]), objects))


PLAYLIST = """#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.5,CAN-SKIP-UNTIL=12.0
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:{first}
#EXT-X-DISCONTINUITY-SEQUENCE:0
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-11-18T12:00:00.000Z
{segments}#EXT-X-DISCONTINUITY
#EXT-X-GAP
#EXTINF:2.00000,
gap.m4s
#EXT-X-PART:DURATION=0.5,URI="p.m4s",INDEPENDENT=YES,BYTERANGE="9@0"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="q.m4s",BYTERANGE-START=9
#EXT-X-RENDITION-REPORT:URI="media.m3u8",LAST-MSN=9,LAST-PART=0
"""
MANIFEST = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" minBufferTime="PT1S"
 profiles="urn:mpeg:dash:profile:isoff-live:2011" availabilityStartTime="2026-11-18T12:00:00Z"
 publishTime="2026-11-18T12:00:{second}Z" minimumUpdatePeriod="PT2S" timeShiftBufferDepth="PT60S">
<Period id="1" start="PT0S"><AdaptationSet id="0" mimeType="video/mp4" segmentAlignment="true">
<Representation id="v" bandwidth="9" codecs="avc1.64001f"><SegmentTemplate timescale="1000"
 initialization="i.mp4" media="$Time$.m4s" availabilityTimeOffset="1.5"
 availabilityTimeComplete="false"><SegmentTimeline><S t="0" d="2000" r="{second}"/></SegmentTimeline>
</SegmentTemplate></Representation></AdaptationSet></Period>
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="http://a/time"/></MPD>"""
RESPONSES = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nETag: \"a\"\r\n\r\nhello"
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n0\r\nX: y\r\n\r\n",
    "HTTP/1.0 206 Partial\r\nContent-Range: bytes 0-4/9\r\n\r\nhello",
]


def add_checker(add):
    """What servers send to the checker."""
    copies = [
        PLAYLIST.format(first=first, segments="".join(
            f"#EXTINF:2.00000,\n{number}.m4s\n" for number in range(first, 8))).encode()
        for first in (0, 1)]
    add("CheckedPlaylist", copies[0])
    add("CheckedPlaylist", b"\0".join(copies))
    add("CheckedPlaylist", b'#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n",URI="a.m3u8"\n'
        b'#EXT-X-STREAM-INF:BANDWIDTH=9,CODECS="avc1.64001f",RESOLUTION=16x9,AUDIO="a"\nv.m3u8\n')
    updates = [MANIFEST.format(second=second).encode() for second in (10, 12)]
    add("CheckedManifest", updates[0])
    add("CheckedManifest", b"\0".join(updates))
    for path in (ROOT / "Fixtures/CMAF").glob("*.mp4"):
        data = path.read_bytes()
        # The box before its type.
        length = data.find(b"moof") - 4
        if 0 < length < 1 << 16:
            add("CheckedMedia", length.to_bytes(2, "big") + data[:length + (1 << 16)])
    for text in RESPONSES:
        add("Response", text.encode())


def main():
    out = pathlib.Path(sys.argv[1])

    def add(target, data):
        folder = out / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / hashlib.sha1(data).hexdigest()[:16]).write_bytes(data)

    for vector in json.loads((ROOT / "Fixtures/Wire/moqt-vectors.json").read_text()):
        data = bytes.fromhex(vector["hex"])
        if vector["draft"] not in DRAFTS or len(data) < 2:
            continue
        selector = bytes([DRAFTS.index(vector["draft"])])
        add("Control", selector + data)
        add("Objects", selector + data)
    for path in (ROOT / "Fixtures/CMAF").glob("*.mp4"):
        add("Boxes", path.read_bytes())
    add("Request", b"GET /live/cam1/index.m3u8?_HLS_msn=3 HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n")
    add("Request", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    for case in json.loads((ROOT / "Fixtures/HTTP/requests.json").read_text()):
        text = "".join(
            part if isinstance(part, str) else part["repeat"] * min(part["times"], 100) for part in case["request"])
        add("Request", text.replace("{media}", "/a").replace("{tag}", '"a"').encode("latin-1"))
    whole, delta = json.dumps(CATALOG).encode(), json.dumps(DELTA).encode()
    add("Catalog", whole)
    add("Catalog", whole + b"\0" + delta)
    add("Catalog", b'{"version":1,"streamingFormat":1,"commonTrackFields":{"packaging":"cmaf"},'
        b'"tracks":[{"name":"v","selectionParams":{"codec":"av01"}}]}')
    for path in (ROOT / "Config").glob("*.yml"):
        add("Configuration", path.read_bytes())
    add("Configuration", b"upstream:\n  url: moqt://localhost:4433/a?b\n  namespace: live/cam1\n"
        b"  draft: 14\npackaging:\n  part-target: 0.25\n  window-megabytes: 8\nserver:\n"
        b"  listen: '[::1]:8080'\nlog-level: debug\n")
    for url in ["moqt://relay.example:4433/app?token=1", "moqt://[::1]:443/", "moqt://h",
                "https://relay.example/a?b"]:
        add("Upstream", url.encode())
    for case in json.loads((ROOT / "Fixtures/Access/tokens.json").read_text())["cases"]:
        add("Access", case["token"].encode())
    for fields in (b"1.2.3.4, 10.1.1.1", b'for="[2001:db8::1]:4711";proto=https;host=a, for=10.1.1.1'):
        add("Access", fields)
    for side, steps in enumerate(WEBTRANSPORT):
        script = bytes([side])
        for stream, text in steps:
            data = bytes.fromhex(text)
            script += bytes([0, stream, len(data)]) + data
            add("WebTransport", script)
            add("WebTransport", script + bytes([7, 0, 0, 0x84, 0, 2, 0, 1, 7, 0, 5]) + b"hello")
    add_remux(add)
    add_checker(add)
    # Scripts: regular passages, so that what follows them starts from a working state.
    generator = random.Random(1)
    for index in range(64):
        script = bytes(generator.randrange(256) for _ in range(generator.randrange(100, 400)))
        regular = bytes([0, index % 3, 0, 0x41, 0x41, 0x0E, 33, 0x1E, 33, 0x2E, 33, 0x0E, 33, 0x1E, 33])
        add("Presentation", regular + script)
        opening = bytes([index % 5, 4, 100, 5, index % 3, 8, 1, 0, 0, index % 4, 0])
        add("Session", opening + script)
    for path in (ROOT / "Fixtures/Corpus").glob("*/*"):
        (out / path.parent.name).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, out / path.parent.name / path.name)


main()

"""Recordings as `moq-egress record` writes them: read, and written by hand."""
import json
import struct

MARK = b"MoQ recording 1\n"
TRACK, SUBSCRIBED, REFUSED, OBJECT, STREAM_ENDED, ABSENT, ENDED = range(7)


class Recording:
    """A recording of one broadcast that nobody has published: objects of tracks, with arrival times."""

    def __init__(self, namespace, draft=18):
        self.namespace = namespace.split("/")
        self.numbers = {}
        self.entries = []
        self.draft = draft

    def object(self, arrival, track, group, number, payload, properties=()):
        """Adds an object; `arrival` is in seconds since 1970, properties are (type, integer or bytes)."""
        body = struct.pack(">QQBQBB", group, number, 1, 0, 128, 0)
        body += self.pairs(properties) + self.pairs(()) + self.sized(payload)
        self.entries.append((arrival, track, OBJECT, body))

    def end_group(self, arrival, track, group):
        self.entries.append((arrival, track, STREAM_ENDED, struct.pack(">QB", group, 1)))

    def catalog(self, arrival, tracks):
        """Adds an MSF catalog that lists tracks as dictionaries."""
        text = json.dumps({"version": "1", "tracks": tracks}).encode()
        self.object(arrival, "catalog", 0, 0, text)

    def write(self, path):
        """Writes all entries in the order of their arrival, each track's subscription first."""
        entries = sorted(self.entries, key=lambda entry: entry[0])
        data = MARK + bytes([self.draft])
        for arrival, track, kind, body in entries:
            if track not in self.numbers:
                number = self.numbers[track] = len(self.numbers)
                data += struct.pack(">BIB", TRACK, number, len(self.namespace))
                data += b"".join(self.sized(f.encode()) for f in [*self.namespace, track])
                data += self.entry(SUBSCRIBED, number, arrival)
                data += struct.pack(">BQQ", 0, 0, 0) + self.pairs(()) * 2
            data += self.entry(kind, self.numbers[track], arrival) + body
        path.write_bytes(data)

    @staticmethod
    def entry(kind, number, arrival):
        clock = round(arrival * 1_000_000)
        return struct.pack(">BIqq", kind, number, clock, clock * 1000)

    @staticmethod
    def sized(data):
        return struct.pack(">I", len(data)) + data

    @classmethod
    def pairs(cls, properties):
        data = struct.pack(">H", len(properties))
        for kind, value in properties:
            data += struct.pack(">Q", kind)
            data += struct.pack(">Q", value) if kind % 2 == 0 else cls.sized(value)
        return data

"""What players read in playlists and manifests; each document is read once for all of them."""
import datetime
import re

READ = {}


def once(read):
    def found(answer):
        # What one origin answered once is one document; its bytes are compared elsewhere.
        key = answer.origin, answer.digest
        if key not in READ:
            if len(READ) > 500:
                READ.clear()
            READ[key] = read(answer)
        return READ[key]

    return found


class Playlist:
    def __init__(self, text, origin):
        self.origin = origin
        self.first = int(re.search(r"#EXT-X-MEDIA-SEQUENCE:(\d+)", text).group(1))
        skipped = re.search(r"SKIPPED-SEGMENTS=(\d+)", text)
        number = self.first + (int(skipped.group(1)) if skipped else 0)
        self.segments, self.parts = [], {}
        self.init = self.hint = None
        self.edge = 0.0
        for line in text.splitlines():
            if line.startswith("#EXT-X-PART:"):
                uri = re.search(r'URI="([^"]*)"', line)
                self.parts.setdefault(number, []).append(uri.group(1))
                self.edge += float(re.search(r"DURATION=([\d.]+)", line).group(1))
            elif line.startswith("#EXT-X-PROGRAM-DATE-TIME:"):
                self.edge = datetime.datetime.fromisoformat(line.partition(":")[2]).timestamp()
            elif line.startswith("#EXT-X-MAP:"):
                self.init = re.search(r'URI="([^"]*)"', line).group(1)
            elif line.startswith("#EXT-X-PRELOAD-HINT:TYPE=PART"):
                self.hint = re.search(r'URI="([^"]*)"', line).group(1)
            elif line and not line.startswith("#"):
                self.segments.append((number, line))
                number += 1
        # The segment that grows, or that comes next.
        self.open = number
        count = len(self.parts.get(number, []))
        self.position = (number, count - 1) if count else (
            number - 1, len(self.parts.get(number - 1, [])) - 1)

    def following(self, guesses):
        """The next part's number and index; some players guess that the last segment goes on."""
        number, part = self.position
        if number == self.open or guesses:
            return number, part + 1
        return number + 1, 0

    def contains(self, number, part):
        # A part past the last of a whole segment is the first of the next.
        if number < self.open and part >= len(self.parts.get(number, [])) > 0:
            number, part = number + 1, 0
        return number < self.open or part < len(self.parts.get(number, []))

    def parts_after(self, position):
        return [
            uri for number, uris in sorted(self.parts.items()) for index, uri in enumerate(uris)
            if (number, index) > position]

    def segments_from(self, number):
        return [segment for segment in self.segments if segment[0] >= number]


@once
def playlist(answer):
    return Playlist(answer.text(), answer.origin)


@once
def manifest(answer):
    """The first decode times of segments by representation."""
    result = {}
    for name, body in re.findall(r'<Representation id="([^"]*)"(.*?)</Representation>', answer.text()):
        times = []
        for start, length, repeats in re.findall(r'<S(?: t="(\d+)")? d="(\d+)"(?: r="(\d+)")?/>', body):
            begin = int(start) if start else end
            times += [begin + index * int(length) for index in range(int(repeats or 0) + 1)]
            end = times[-1] + int(length)
        result[name] = times
    return result

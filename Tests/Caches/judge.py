"""Compares what players were served with what the origins say they answered."""
import collections
import re

from processes import Failed

# What lives on past its Cache-Control, while a new one is fetched: the recipes say so.
HAS_GRACE = re.compile(r"/index\.m3u8$")
OPERATIONS = re.compile(r"^/(readyz|time)$")


def key_of(target):
    """A URL after the cache key's rules: its path, and directives in order."""
    path, _, query = target.partition("?")
    directives = sorted(pair for pair in query.split("&") if pair.startswith("_HLS_"))
    return path + ("?" + "&".join(directives) if directives else "")


def kind_of(key):
    if "_HLS_msn" in key:
        return "reloads"
    if re.search(r"/(media|iframes)\.m3u8", key):
        return "plain playlists"
    if key.endswith(".mpd"):
        return "MPDs"
    found = re.search(r"/(part|segment)/", key)
    return found.group(1) + "s" if found else "others"


class Origins:
    """The requests that reached any origin, and its answers by name."""

    def __init__(self, origins, since=0.0):
        self.asked, self.answers, self.ended = [], {}, set()
        for origin in origins:
            for line in origin.lines():
                if "asked" in line and line["at"] >= since and not OPERATIONS.match(line["target"]):
                    self.asked.append(line)
                elif "answered" in line:
                    self.answers[line["answered"]] = line
                elif "ended" in line:
                    self.ended.add(line["ended"])

    def counts(self):
        """By kind, [requests, distinct objects]: a URL, a content coding, and what its ETag or status says.

        Requests that were lost with an origin that was killed are not counted: the other has to be asked.
        """
        requests, objects = collections.Counter(), collections.defaultdict(set)
        for line in self.asked:
            key = key_of(line["target"])
            kind = kind_of(key)
            answer = self.answers.get(line["asked"])
            if answer is None:
                continue
            requests[kind] += 1
            fields = answer["fields"]
            objects[kind].add((key, fields.get("etag", answer["status"])))
        return {kind: [requests[kind], len(objects[kind])] for kind in sorted(requests)}

    def unanswered(self):
        return {line["asked"]: line for line in self.asked if line["asked"] not in self.ended}


def max_age(fields):
    control = fields.get("cache-control", "")
    if "no-store" in control:
        return 0
    found = re.search(r"max-age=(\d+)", control)
    return int(found.group(1)) if found else 0


def faults_of(served, origins, rounding):
    """What a cache did wrong with the answers it was given."""
    faults = []
    for entry in served:
        answer = origins.answers.get(entry["origin"])
        if answer is None:
            faults.append(f"{entry['status']} for {entry['key']} stems from no origin ({entry['origin']})")
            continue
        if entry["status"] != answer["status"]:
            faults.append(f"{entry['status']} for {entry['key']}, the origin said {answer['status']}")
        coding = answer["fields"].get("content-encoding", "")
        digest = answer["sent"] if coding == entry["encoding"] else answer["plain"]
        if digest != entry["sha256"]:
            faults.append(f"{entry['key']}: not the bytes of {entry['origin']}")
        # Sound on any machine: the cache had it before anybody was given all of it, and chose it after it
        # was asked for it.
        excess = entry["last"] - entry["first"] - max_age(answer["fields"])
        if excess > rounding and not HAS_GRACE.search(entry["key"]):
            faults.append(f"{entry['key']}: {entry['origin']} served {excess:.2f} s longer than "
                          f"{answer['fields'].get('cache-control')}")
    return faults


def same_bytes(origins):
    """Whether origins gave different media for one URL; the URLs."""
    by_key = collections.defaultdict(set)
    names = {line["asked"]: line["target"] for line in origins.asked}
    for name, answer in origins.answers.items():
        if name in names and answer["status"] == 200 and re.search(r"\.(m4s|mp4)$", names[name]):
            by_key[names[name]].add(answer["sent"])
    return [key for key, digests in by_key.items() if len(digests) > 1]


def expect_few(counts, most):
    requests = sum(count[0] for count in counts.values())
    objects = sum(count[1] for count in counts.values())
    text = f"{requests} origin requests for {objects} objects"
    if not objects or requests / objects > most:
        raise Failed(f"{text}: more than {most} each: {counts}")
    return text

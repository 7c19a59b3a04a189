"""What one client sees of a cache: ranges, conditions, codings, keys, CORS, errors, HTTP/2."""
import concurrent.futures
import gzip
import hashlib
import http.client
import re
import subprocess
import time

from judge import key_of
from processes import Failed, wait_until

RANGES = {
    "bytes=0-99": lambda body: (body[:100], 0),
    "bytes=100-": lambda body: (body[100:], 100),
    "bytes=-50": lambda body: (body[-50:], len(body) - 50),
}


def expect(holds, text):
    if not holds:
        raise Failed(text)


class Details:
    def __init__(self, cache, origins):
        self.cache, self.origins = cache, origins
        self.base = cache.base

    def connection(self):
        if self.cache.certificate:
            return http.client.HTTPSConnection(
                "localhost", self.cache.port, context=self.cache.context())
        return http.client.HTTPConnection("localhost", self.cache.port)

    def get(self, path, method="GET", **fields):
        connection = self.connection()
        try:
            connection.request(method, path, headers={
                name.replace("_", "-"): value for name, value in fields.items()})
            answer = connection.getresponse()
            answer.body = answer.read()
            return answer
        finally:
            connection.close()

    def asked(self, path):
        """How often a key was asked for at the origins."""
        return sum(
            "asked" in line and key_of(line["target"]) == path
            for origin in self.origins for line in origin.lines())

    def playlist(self):
        answer = self.get(f"{self.base}/240p/media.m3u8")
        expect(answer.status == 200, f"{answer.status} for a playlist")
        return answer.body.decode()

    def next_part(self):
        """Directives of a part that is not there yet, and the hinted part's path."""
        text = self.playlist()
        first = int(re.search(r"MEDIA-SEQUENCE:(\d+)", text).group(1))
        number = first + text.count("#EXTINF")
        tail = text[text.rfind("#EXTINF"):]
        hint = re.search(r'PRELOAD-HINT:TYPE=PART,URI="([^"]*)"', text).group(1)
        return number, tail.count("#EXT-X-PART:"), f"{self.base}/240p/{hint}"

    def segment(self):
        """The path of a whole segment."""
        return f"{self.base}/240p/" + re.findall(r"^[^#].*m4s$", self.playlist(), re.M)[0]

    def all(self):
        checks = [
            self.ranges_and_conditions, self.growing, self.head, self.codings, self.keys, self.early,
            self.collapsing, self.errors, self.cross_origin, self.operations, self.http2]
        for check in checks:
            try:
                check()
            except Failed as failure:
                raise Failed(f"{check.__name__}: {failure}") from None
        return ", ".join(check.__name__.replace("_", " ") for check in checks)

    def ranges_and_conditions(self):
        path = self.segment()
        # The first request is one for a range: the cache fetches everything for it.
        answers = {text: self.get(path, Range=text) for text in RANGES}
        whole = self.get(path)
        expect(whole.status == 200, f"{whole.status} for a segment")
        for text, cut in RANGES.items():
            body, start = cut(whole.body)
            answer = answers[text]
            expect(answer.status == 206, f"{answer.status} for {text}")
            expect(answer.body == body, f"other bytes for {text}")
            field = f"bytes {start}-{start + len(body) - 1}/{len(whole.body)}"
            expect(answer.headers["Content-Range"] == field,
                   f"{answer.headers['Content-Range']}, not {field}")
        expect(self.get(path, Range="bytes=99999999-").status == 416, "a range past the end is no 416")
        expect(self.asked(path) == 1, f"ranges of a segment asked {self.asked(path)} times at origins")
        expect("immutable" in whole.headers["Cache-Control"], "Cache-Control of media is lost")
        for target in (path, f"{self.base}/240p/media.m3u8?_HLS_msn=0"):
            for coding in ("gzip", "identity"):
                tag = self.get(target, Accept_Encoding=coding).headers["ETag"]
                again = self.get(target, Accept_Encoding=coding, If_None_Match=tag)
                expect(again.status == 304, f"{again.status} for {target} of the same ETag {tag}, {coding}")
                expect(not again.body and again.headers["ETag"] == tag, "a 304 of another ETag")
                expect(again.headers["Cache-Control"], "a 304 without Cache-Control")
        expect(self.asked(f"{self.base}/240p/media.m3u8?_HLS_msn=0") <= 2, "304s are asked at the origin")

    def growing(self):
        """A segment that is fetched as it grows, and a range of it once it is whole."""
        text = self.playlist()
        tail = text[text.rfind("#EXTINF"):]
        start = re.search(r'/part/(\d+)\.m4s"', tail).group(1)
        path = f"{self.base}/240p/0/segment/{start}.m4s"
        with concurrent.futures.ThreadPoolExecutor(5) as pool:
            bodies = set(pool.map(lambda _: self.get(path).body, range(5)))
        expect(len(bodies) == 1, "a growing segment differs")
        answer, body = self.get(path, Range="bytes=0-99"), bodies.pop()
        if self.cache.has_ranges_of_grown:
            expect(answer.status == 206 and answer.body == body[:100], f"{answer.status} for a range")
        else:
            expect(answer.status == 200 and answer.body == body, f"{answer.status} for a range, not all")
        expect(self.asked(path) == 1, f"a growing segment was asked {self.asked(path)} times at origins")

    def head(self):
        names = ("240p/media.m3u8?_HLS_msn=1", "index.m3u8", "manifest.mpd")
        for target in [self.segment()] + [f"{self.base}/{name}" for name in names]:
            # Of what changes each second, both can meet different versions: asked again then.
            def agree():
                head, answer = self.get(target, "HEAD"), self.get(target)
                expect(not head.body, f"HEAD of {target} has content")
                expect(head.status == answer.status == 200, f"{head.status} for HEAD of {target}")
                fields = ("ETag", "Content-Length", "Cache-Control", "Content-Type")
                return all(head.headers[name] == answer.headers[name] for name in fields)

            wait_until(agree, 10, f"HEAD of {target} has the fields of GET")

    def codings(self):
        target = f"{self.base}/240p/media.m3u8?_HLS_msn=2"
        for coding in ("gzip", "gzip, deflate, br", "identity", "gzip;q=0", ""):
            answer = self.get(target, Accept_Encoding=coding)
            is_gzip = coding.startswith("gzip") and "q=0" not in coding
            expect((answer.headers["Content-Encoding"] == "gzip") == is_gzip,
                   f"{answer.headers['Content-Encoding']} for Accept-Encoding: {coding}")
            text = gzip.decompress(answer.body) if is_gzip else answer.body
            expect(text.startswith(b"#EXTM3U"), f"no playlist for Accept-Encoding: {coding}")
            expect("accept-encoding" in (answer.headers["Vary"] or "").lower(), "Vary is lost")
        expect(self.asked(target) <= 2, f"codings are asked {self.asked(target)} times at origins")
        media = self.get(self.segment(), Accept_Encoding="gzip")
        expect(media.headers["Content-Encoding"] is None, "media is compressed")

    def keys(self):
        target = f"{self.base}/240p/media.m3u8?_HLS_msn=3&_HLS_part=0&_HLS_skip=YES"
        for query in (
            "_HLS_msn=3&_HLS_part=0&_HLS_skip=YES", "_HLS_skip=YES&_HLS_part=0&_HLS_msn=3",
            "token=abc&_HLS_msn=3&_HLS_part=0&_HLS_skip=YES&CMCD=bl%3D2000%2Csid%3D%22a%22",
            "CMCD=x&_HLS_part=0&a_HLS_msn=9&_HLS_msn=3&b=&_HLS_skip=YES&&_hls_msn=4",
            "_HLS_msn=003&_HLS_part=00&_HLS_skip=YES",
        ):
            answer = self.get(f"{self.base}/240p/media.m3u8?{query}", Cookie=query, CMCD_Session=query)
            expect(answer.status == 200, f"{answer.status} for {query}: {answer.body[:80]}")
        expect(self.asked(target) == 1, f"one playlist was asked {self.asked(target)} times at origins")
        for query in ("_HLS_msn=3", "_HLS_msn=03&_HLS_skip=NO", "_HLS_skip=1&_HLS_msn=3"):
            expect(self.get(f"{self.base}/240p/media.m3u8?{query}").status == 200, f"no playlist for {query}")
        plain = f"{self.base}/240p/media.m3u8?_HLS_msn=3"
        expect(self.asked(plain) == 1, f"one playlist was asked {self.asked(plain)} times at origins")
        segment = self.segment()
        for spelling in (segment.replace("240p", "%3240p"), segment.replace("segment", "s%65gment")):
            expect(self.get(spelling).status == 404, f"{spelling} is served")
            expect(self.asked(spelling) == 0, f"{spelling} is asked for at origins")
        for query in ("", "?token=1", "?CMCD=x&token=2"):
            expect(self.get(segment + query).status == 200, f"no segment with {query}")
        expect(self.asked(segment) == 1, f"one segment was asked {self.asked(segment)} times at origins")
        sent = [line for origin in self.origins for line in origin.lines() if "asked" in line]
        told = [line for line in sent if re.search("token|cmcd|'cookie'", str(line), re.I)]
        expect(not told, f"origins are told {told[:1]}")

    def early(self):
        """Who asks for parts too early makes nobody miss them."""
        def parts():
            return [int(start) for start in re.findall(r"0/part/(\d+)\.m4s", self.playlist())]

        for _ in range(10):
            known = parts()
            # The one after the hinted part, if that is as long as the one before it.
            start = 2 * known[-1] - known[-2]
            path = f"{self.base}/240p/0/part/{start}.m4s"
            first = self.get(path).status
            wait_until(lambda: parts()[-1] >= start, 10, "the part is hinted, or passed")
            if start in parts():
                again = self.get(path).status
                expect((first, again) == (200, 200), f"{first}, then {again} for a part that is asked for too early")
                return
        raise Failed("no part came that was asked for too early")

    def collapsing(self):
        """Many wait for one part that is not there yet, and some of them go."""
        number, part, hint = self.next_part()
        reload = f"{self.base}/240p/media.m3u8?_HLS_msn={number}&_HLS_part={part + 2}"
        gone = self.connection()
        gone.request("GET", reload)
        wait_until(lambda: self.asked(reload), 10, "a reload reaches an origin")
        gone.close()
        with concurrent.futures.ThreadPoolExecutor(40) as pool:
            reloads = [pool.submit(self.get, f"{reload}&token={n}") for n in range(20)]
            hints = [pool.submit(self.get, hint) for _ in range(20)]
            for name, many in (("reload", reloads), ("hint", hints)):
                answers = [one.result() for one in many]
                expect({answer.status for answer in answers} == {200}, f"a {name} failed")
                expect(len({answer.body for answer in answers}) == 1, f"a {name} differs")
        for name, target in (("reload", reload), ("hinted part", hint)):
            expect(self.asked(target) == 1, f"a {name} was asked {self.asked(target)} times at origins")

    def errors(self):
        target = f"{self.base}/240p/0/segment/1.m4s"
        first = self.get(target)
        had = time.monotonic()
        expect(first.status == 404, f"{first.status} for what is not there")
        expect(first.headers["Cache-Control"] == "public, max-age=2", "an error of another lifetime")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            statuses = set(pool.map(lambda _: self.get(target).status, range(20)))
        expect(statuses == {404}, f"{statuses} for what is not there")
        # Both origins are asked, and once more if that was slow.
        expect(self.asked(target) <= 4, f"an error was asked {self.asked(target)} times at origins")

        def is_renewed():
            asked = time.monotonic()
            answer = self.get(target)
            if answer.headers["X-Origin-Answer"] != first.headers["X-Origin-Answer"]:
                return True
            expect(asked - had <= 2 + self.cache.rounding, "an error outlives its Cache-Control")
            return False

        wait_until(is_renewed, 20, "an error is asked anew")
        far = f"{self.base}/240p/media.m3u8?_HLS_msn=99999999999"
        for _ in range(20):
            status = self.get(far).status
            expect(status == 400, f"{status} for a reload far ahead")
        expect(self.asked(far) <= 3, f"an error was asked {self.asked(far)} times at origins")
        for query in ("_HLS_msn=", "_HLS_msn=abc", "_HLS_part=1", "_HLS_msn=1&_HLS_msn=2"):
            status = self.get(f"{self.base}/240p/media.m3u8?{query}").status
            expect(status == 400, f"{status} for {query}")

    def cross_origin(self):
        targets = [
            self.segment(), f"{self.base}/240p/media.m3u8", f"{self.base}/manifest.mpd",
            f"{self.base}/240p/0/segment/2.m4s", f"{self.base}/240p/media.m3u8?_HLS_msn=x"]
        for target in targets:
            fields = self.get(target, Origin="https://player.example").headers
            expect(fields.get_all("Access-Control-Allow-Origin") == ["*"], f"CORS of {target}: {fields}")
            expect("Age" in (fields["Access-Control-Expose-Headers"] or ""), f"{target} exposes no Age")
        answer = self.get(targets[0], "OPTIONS", Origin="https://player.example",
                          Access_Control_Request_Method="GET", Access_Control_Request_Headers="x-mine")
        expect(answer.status == 204 and answer.headers["Access-Control-Allow-Headers"] == "x-mine",
               f"{answer.status} for a preflight: {answer.headers}")

    def operations(self):
        for path in ("/metrics", "/status.json", "/healthz", "/readyz", "/%6detrics", "/status%2Ejson",
                     "/live/%2e%2e/metrics", "http://h/metrics", "https://h/metrics", "HTTPS://h:1/metrics?",
                     "https://h", "metrics"):
            answer = self.get(path)
            expect(answer.status in (400, 404) and b"moq" not in answer.body, f"{answer.status} for {path}")
        first = self.get("/time")
        expect(first.status == 200 and "no-store" in first.headers["Cache-Control"], "no clock")
        wait_until(lambda: self.get("/time").body != first.body, 5, "the clock goes on")
        self.get(f"{self.base}/240p/media.m3u8?_HLS_msn=5", Host="evil.example")
        mpd = self.get(f"{self.base}/manifest.mpd", Host="evil.example").body
        told = [line for origin in self.origins for line in origin.lines() if "evil" in str(line)]
        expect(b"https://localhost/time" in mpd and not told, f"a viewer's Host reaches the origin: {told}")
        status = self.get(f"{self.base}/index.m3u8", "POST").status
        expect(status == 405, f"{status} for POST")

    def http2(self):
        """TLS and HTTP/2 in front: a reload, a part and a segment wait on one connection."""
        if not self.cache.tls_port:
            return
        number, part, hint = self.next_part()
        url = f"https://localhost:{self.cache.tls_port}"
        reload = f"{self.base}/240p/media.m3u8?_HLS_msn={number}&_HLS_part={part}"
        targets = [hint, reload, self.segment(), f"{self.base}/index.m3u8"]
        command = ["curl", "-sS", "--http2", "--cacert", self.cache.space.certificate, "--parallel",
                   "--max-time", "20", "-w", "%{http_version} %{response_code} %{num_connects}\\n"]
        for target in targets:
            command += ["-o", "/dev/null", url + target]
        run = subprocess.run(command, capture_output=True, text=True)
        lines = [line.split() for line in run.stdout.splitlines()]
        expect(len(lines) == len(targets) and all(line[:2] == ["2", "200"] for line in lines),
               f"by HTTP/2: {run.stdout} {run.stderr}")
        for version in ("1.2", "1.3"):
            run = subprocess.run(
                ["curl", "-sSf", f"--tlsv{version}", "--tls-max", version, "--cacert",
                 self.cache.space.certificate, "-o", "/dev/null", f"{url}{self.base}/index.m3u8"],
                capture_output=True, text=True)
            expect(run.returncode == 0, f"TLS {version}: {run.stderr}")

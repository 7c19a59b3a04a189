"""Viewers with tokens: one object for all, none for who may not, and no token in what is kept."""
import base64
import concurrent.futures
import hashlib
import hmac
import re
import subprocess
import time

from details import expect
from recipes import NAMESPACE

KEY_ID, KEY = "2026-11", "correct horse battery staple"


def text(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(prefix, expiry, key=KEY):
    """As README says, by Python's hmac."""
    said = f"{KEY_ID}.{expiry}.{text(prefix.encode())}"
    return f"{said}.{text(hmac.new(key.encode(), said.encode(), hashlib.sha256).digest())}"


class Issuer:
    """What signs tokens, and the configuration of origins that ask for them."""

    def __init__(self, space, program, secret):
        self.keys, secrets = space.folder / "keys", space.folder / "secrets"
        self.keys.write_text(f"{KEY_ID}:{KEY}\n")
        secrets.write_text(f"{secret}\n")
        self.program = program
        self.access = f"access:\n  token-keys: {self.keys}\n  origin-secrets: {secrets}\n"

    def base(self, prefix, seconds):
        url = f"https://localhost/{NAMESPACE}/"
        run = subprocess.run(
            [self.program, "sign-url", "--keys", self.keys, "--key", KEY_ID, "--prefix", prefix,
             "--expires-in", str(seconds), url], capture_output=True, text=True)
        expect(run.returncode == 0, f"sign-url: {run.stderr}")
        return run.stdout.strip().removeprefix("https://localhost").rstrip("/")


def asked(details, pattern):
    return sum(
        "asked" in line and bool(re.fullmatch(pattern, line["target"]))
        for origin in details.origins for line in origin.lines())


def all_checks(details, issuer):
    plain = f"/{NAMESPACE}"
    now = int(time.time())
    viewers = [issuer.base("/live/", 3600)] + [f"/~{signed('/', now + 1000 + n)}{plain}" for n in range(20)]

    # One playlist and one segment for all of them.
    reload = "240p/media.m3u8?_HLS_msn=7"
    segment = details.segment().removeprefix(details.base)
    for name in (reload, segment.lstrip("/")):
        with concurrent.futures.ThreadPoolExecutor(21) as pool:
            answers = list(pool.map(lambda base, name=name: details.get(f"{base}/{name}"), viewers))
        expect({answer.status for answer in answers} == {200}, f"{[a.status for a in answers]} for {name}")
        expect(len({answer.body for answer in answers}) == 1, f"viewers get different {name}")
        expect(all(b"~" not in answer.body or name.endswith("m4s") for answer in answers), "a token is kept")
        count = asked(details, re.escape(f"{plain}/{name}"))
        expect(count == 1, f"{name} was asked {count} times at origins by {len(viewers)} viewers")
    questions = asked(details, f"/authorize/.*{re.escape(plain)}/")
    expect(questions <= len(viewers) + 1, f"{questions} questions about {len(viewers)} viewers")

    # By the query too.
    query = f"{plain}/{reload}&token={signed('/', now + 5000)}"
    expect(details.get(query).status == 200, "a token in the query gives no access")
    expect(asked(details, re.escape(f"{plain}/{reload}")) == 1, "a token in the query is in the key")

    # Who may not gets nothing, though all of it is kept.
    valid = signed("/other/", now + 1000)
    refused = {
        "no token": plain, "an expired one": f"/~{signed('/', now - 1)}{plain}",
        "another's key": f"/~{signed('/', now + 1000, 'x' * 20)}{plain}",
        "one for another path": f"/~{valid}{plain}",
        "one broken": f"{viewers[0].replace('/live', 'x/live', 1)}", "two": f"/~{valid}/~{valid}{plain}",
    }
    for what, base in refused.items():
        for name in (reload, segment.lstrip("/"), "index.m3u8", "manifest.mpd"):
            answer = details.get(f"{base}/{name}")
            expect(answer.status == 403, f"{answer.status} for {name} with {what}")
            expect(answer.headers["Cache-Control"] == "no-store", f"a 403 lives: {answer.headers}")
            expect(answer.headers["Access-Control-Allow-Origin"] == "*", "a 403 without CORS")
    for tail in ("/other/", "%2Fother%2F", "/other/?", "%3F"):
        status = details.get(f"{plain}/index.m3u8?token={valid}{tail}").status
        expect(status == 403, f"{status} for a token that goes on with {tail}")
    for name in (reload, segment.lstrip("/")):
        expect(details.get(f"{viewers[0]}/{name}").status == 200, "a refusal is kept for others")

    # A token ends at the cache too.
    brief = f"/~{signed('/', int(time.time()) + 3)}{plain}"
    expect(details.get(f"{brief}/index.m3u8").status == 200, "a brief token gives no access")
    time.sleep(5)
    expect(details.get(f"{brief}/index.m3u8").status == 403, "a token outlives its expiry")

    # Operations stay closed, the clock and preflights open.
    for path in ("/metrics", "/status.json", "/readyz", "/authorize/x/"):
        for base in ("", f"/~{signed('/', now + 1000)}"):
            expect(details.get(base + path).status in (403, 404), f"{base}{path} is open")
    expect(details.get("/time").status == 200, "no clock")
    answer = details.get(f"{plain}/index.m3u8", "OPTIONS", Origin="https://player.example",
                         Access_Control_Request_Method="GET")
    expect(answer.status == 204, f"{answer.status} for a preflight")
    told = [line for origin in details.origins for line in origin.lines()
            if "asked" in line and "~" in str(line) and not line["target"].startswith("/authorize/")]
    expect(not told, f"origins are told tokens: {told[:1]}")
    return (f"{len(viewers)} viewers cost one request an object and {questions} questions; "
            f"{', '.join(refused)} get 403")

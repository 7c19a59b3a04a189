"""Chromium's Media Source Extensions: whether they take init segments and segments."""
import functools
import http.server
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading

PAGE = pathlib.Path(__file__).with_name("mse.html")


def program():
    """The browser's path; nil when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Handler(http.server.SimpleHTTPRequestHandler):
    """The page, the cases, the media below a folder, and a place to report to."""

    def __init__(self, *arguments, cases, results, done, **options):
        self.cases, self.results, self.done = cases, results, done
        super().__init__(*arguments, **options)

    def do_GET(self):
        if self.path == "/":
            self.answer(PAGE.read_bytes(), "text/html")
        elif self.path == "/cases":
            self.answer(json.dumps(self.cases).encode(), "application/json")
        else:
            super().do_GET()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/done":
            self.done.set()
        else:
            result = json.loads(body)
            self.results[result["name"]] = result
        self.answer(b"", "text/plain")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def play(root, cases, patience=90):
    """What Chromium says of cases, by name: `supported`, `error`, `buffered` as [start, end] pairs.

    A case is a dictionary of `name`, `type`, `pieces` (paths below the root) and `start` in seconds.
    """
    results, done = {}, threading.Event()
    handler = functools.partial(
        Handler, cases=cases, results=results, done=done, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="codecs-", ignore_cleanup_errors=True) as profile:
        browser = subprocess.Popen(
            [program(), "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
             "--autoplay-policy=no-user-gesture-required", f"--user-data-dir={profile}",
             f"http://127.0.0.1:{server.server_address[1]}/"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            done.wait(patience)
        finally:
            browser.terminate()
            try:
                browser.wait(10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
            server.shutdown()
    return results

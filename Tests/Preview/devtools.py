"""Chromium without a window, driven through a pipe by the DevTools protocol."""
import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


class BrowserError(Exception):
    """The browser has refused, has gone, or does not answer."""


def program():
    """The browser's path; None when there is none."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


class Browser:
    """A browser with one page.

    Messages are JSON, ended by NUL, on the descriptors 3 (to the browser) and 4 (from it).
    """

    def __init__(self, *flags):
        self.profile = tempfile.TemporaryDirectory(prefix="preview-", ignore_cleanup_errors=True)
        to_browser, self.to_browser = os.pipe()
        self.from_browser, from_browser = os.pipe()
        # The descriptors are moved to 3 and 4 by a shell, as Popen can only keep numbers.
        command = f'exec 3<&{to_browser} 4>&{from_browser}; exec "$0" "$@"'
        self.process = subprocess.Popen(
            ["bash", "-c", command, program(), "--headless=new", "--no-sandbox", "--disable-gpu",
             "--no-first-run", "--remote-debugging-pipe", "--hide-scrollbars",
             "--autoplay-policy=no-user-gesture-required",
             f"--user-data-dir={self.profile.name}", *flags, "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            pass_fds=(to_browser, from_browser), start_new_session=True)
        os.close(to_browser)
        os.close(from_browser)
        self.numbers = itertools.count(1)
        self.buffer = b""
        self.session = None
        self.errors = []
        pages = [target for target in self.call("Target.getTargets")["targetInfos"]
                 if target["type"] == "page"]
        self.session = self.call(
            "Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method, patience=30, **parameters):
        """The result of a command; what the page complains of meanwhile is kept in `errors`."""
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to_browser, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + patience
        while True:
            answer = self.receive(deadline)
            if answer.get("id") != number:
                self.take(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error'].get('message')}")
            else:
                return answer["result"]

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            ready, _, _ = select.select(
                [self.from_browser], [], [], max(0, deadline - time.monotonic()))
            received = os.read(self.from_browser, 1 << 20) if ready else b""
            if not received:
                raise BrowserError("the browser has ended" if ready else "no answer in time")
            self.buffer += received
        message, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(message)

    def take(self, event):
        """Keeps complaints: exceptions, and entries of the log that are errors."""
        parameters = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.errors.append(
                details.get("exception", {}).get("description") or details.get("text"))
        elif event.get("method") == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.errors.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")

    def evaluate(self, expression, patience=30):
        """The value of an expression, as JSON; promises are waited for."""
        result = self.call(
            "Runtime.evaluate", patience=patience, expression=expression, returnByValue=True,
            awaitPromise=True)
        if "exceptionDetails" in result:
            raise BrowserError(result["exceptionDetails"].get("exception", {}).get("description"))
        return result["result"].get("value")

    def open(self, url):
        self.call("Page.navigate", url=url)

    def resize(self, width, height, ratio=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=ratio, mobile=width < 600)

    def set_theme(self, theme):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": theme}])

    def screenshot(self, path):
        """The whole page, however long, as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        image = self.call("Page.captureScreenshot", format="png", clip=clip,
                          captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(image["data"]))

    def close(self):
        try:
            self.session = None
            self.call("Browser.close", patience=5)
        except (BrowserError, OSError):
            self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        os.close(self.to_browser)
        os.close(self.from_browser)
        self.profile.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

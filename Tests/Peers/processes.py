"""Programs that end with the case that started them."""
import contextlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time


class Failed(Exception):
    """What was expected and did not happen."""


def free_port():
    """A UDP port that the kernel has just picked."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_until(condition, seconds, what):
    """The first true value of a condition; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise Failed(f"{what}: not within {seconds} s")


class Process:
    """A program whose output is kept."""

    def __init__(self, path, command):
        self.name, self.path = path.stem, path
        self.output = open(path, "wb")
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [str(part) for part in command], stdout=self.output, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        return self.path.read_text(errors="replace")

    def wait_for(self, pattern, seconds=20):
        def found():
            # Asked first: what a program says last counts even when it has ended since.
            has_ended = self.process.poll() is not None
            match = re.search(pattern, self.text(), re.MULTILINE)
            if has_ended and not match:
                raise Failed(f"{self.name} ended with {self.process.returncode}: {self.tail()}")
            return match

        return wait_until(found, seconds, f"{self.name} says {pattern}")

    def tail(self):
        return " | ".join(self.text().splitlines()[-5:])

    def kill(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            os.killpg(self.process.pid, number)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self.output.close()


class Workspace(contextlib.ExitStack):
    """A temporary folder, a certificate, and programs that all end when it is left."""

    def __enter__(self):
        super().__enter__()
        self.folder = pathlib.Path(
            self.enter_context(tempfile.TemporaryDirectory(prefix="peers-")))
        self.certificate, self.key = self.folder / "certificate.pem", self.folder / "key.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
             "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", self.key, "-out",
             self.certificate], check=True, capture_output=True)
        self.starts = 0
        return self

    def start(self, name, command):
        self.starts += 1
        process = Process(self.folder / f"{name}-{self.starts}.log", command)
        self.callback(process.kill, signal.SIGTERM)
        return process

    def logs(self):
        """What every program last said."""
        return "".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-6000:]}\n"
            for path in sorted(self.folder.glob("*.log")))

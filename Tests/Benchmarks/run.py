#!/usr/bin/env python3
"""Measures moq-egress, and nginx beside it, on this machine; see Config/benchmark.sh."""
import argparse
import json
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from hot_functions import layout
from pace import pace
from servers import (
    Egress, Failed, Nginx, Process, UnreadDatagrams, fetch, kernel_bytes, resident_bytes,
    seconds_of, warn)

ROOT = pathlib.Path(__file__).resolve().parents[2]
BENCHMARKS = ["playlists", "segments", "release", "viewers", "stream", "ingest"]
# Those that take so long that they have to be named.
LONG = ["endurance"]
MEDIA = ROOT / "Fixtures/Media/720p.mp4"
SMALL_MEDIA = ROOT / "Fixtures/Media/240p.mp4"
ALL_MEDIA = sorted((ROOT / "Fixtures/Media").glob("*.mp4"))


def sequence(playlist):
    """The number of the first segment that a playlist lists."""
    return int(re.search(r"MEDIA-SEQUENCE:(\d+)", playlist).group(1))


class Bench:
    def __init__(self, options, folder):
        self.options = options
        self.folder = folder
        self.program = options.programs / "moq-egress"
        self.load = options.programs / "moq-egress-load"

    # Answers a second

    def playlists(self):
        self.compare("playlist", 64, lambda path, text: path)

    def segments(self):
        def newest(path, text):
            segments = re.findall(r"^[^#\n]+\.m4s$", text, re.M)
            return path.rsplit("/", 1)[0] + "/" + segments[-1]

        self.compare("segment", 16, newest)

    def compare(self, what, connections, choose):
        """The same content by both servers in turn, answers for each second of their CPU time."""
        egress = Egress(self.program, [MEDIA], **{"packaging.window": 6})
        nginx = Nginx()
        try:
            # A playlist of a full window grows no more: in every round both have as much to send.
            _, first = egress.media_playlist()
            while sequence(egress.media_playlist()[1]) == sequence(first):
                time.sleep(0.5)
            rates = {}
            for _ in range(self.options.rounds):
                path, text = egress.media_playlist()
                chosen = choose(path, text)
                content = fetch(egress.address, chosen)
                nginx.put(chosen, content)
                for server in (nginx, egress):
                    rates.setdefault(server.name, []).append(
                        self.rate(server, chosen, connections))
        finally:
            egress.stop()
            nginx.stop()
        print(f"\n{what}s of {len(content)} bytes, {connections} connections, "
              f"{self.options.rounds} rounds of {self.options.seconds} s in turn, medians")
        print("| | answers/s | MB/s | answers/CPU s | MB/CPU s |\n|---|---|---|---|---|")
        per_second = {}
        for name, rows in rates.items():
            answers, size, per_second[name] = (
                statistics.median(column) for column in zip(*rows))
            print(f"| {name} | {answers:,.0f} | {size / 1e6:,.0f} | {per_second[name]:,.0f} "
                  f"| {per_second[name] * size / answers / 1e6:,.0f} |")
        ratio = per_second["moq-egress"] / per_second["nginx"]
        print(f"| ratio | | | {ratio:.2f} | |")

    def rate(self, server, path, connections):
        before = server.seconds()
        result = subprocess.run(
            [self.load, "rate", "--server", server.address, "--path", path, "--clients",
             str(connections), "--seconds", str(self.options.seconds)],
            capture_output=True, text=True, check=False)
        if result.returncode:
            raise Failed(f"{server.name}: {result.stderr}")
        cost = server.seconds() - before
        figures = json.loads(result.stdout)
        return (
            figures["answers"] / figures["seconds"], figures["bytes"] / figures["seconds"],
            figures["answers"] / cost)

    # Requests that wait

    def release(self):
        """How soon after the last datagram of a part's media those have it who waited for it."""
        print("\nrequests that wait for a part, milliseconds from the last datagram of its media to "
              f"the answer's last byte, medians of {self.options.parts} parts")
        print("| threads | waiting | first | p50 | p99 | last | longest unread datagram |\n"
              "|---|---|---|---|---|---|---|")
        self.wakes()
        for threads in (1, 2):
            for count in (1, 1000, 10_000):
                self.release_one_part(threads, count)
        print(f"\nthe same of all answers together to 1,000 viewers, {self.options.parts} parts of "
              "each rendition")
        print("| threads | | p50 | p99 | last |\n|---|---|---|---|---|")
        for threads in (1, 2):
            self.release_many_renditions(threads)
            self.release_beside_others(threads)
        ingest, serving, gone, names = layout(self.program)
        print(f"\ncode of a part's way: {ingest} KB in ingest, {serving} KB in serving; of {names} "
              f"functions it is made of, {gone} are not there any more")

    def wakes(self):
        """What of it is the machine's: the same threads are woken, and do nothing."""
        result = subprocess.run(
            [self.load, "wakes", "--rounds", str(4 * self.options.parts)], capture_output=True, text=True, check=True)
        row = json.loads(result.stdout)
        print("| | wake-ups alone | " + " | ".join(
            f"{row[key]:.2f}" for key in ("first", "p50", "p99", "last")) + " | |")

    SETTINGS = {
        "packaging.window": 6, "packaging.part-target": 1, "server.connections": 20000}

    def wait_for_parts(self, egress, paths, relays, count, spread=None):
        command = [
            self.load, "release", "--server", egress.address, "--clients", count, "--rounds",
            self.options.parts]
        for path in paths:
            command += ["--path", path]
        for relay in relays:
            command += ["--relay", relay]
        if spread:
            command += ["--spread", spread]
        result = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, check=False)
        if result.returncode:
            raise Failed(f"{count} waiting: {result.stderr}{egress.process.output()}")
        rows = [json.loads(line) for line in result.stdout.splitlines()]
        return rows[:-1], rows[-1]

    def release_one_part(self, threads, count):
        egress = Egress(
            self.program, [MEDIA], relays=1, **self.SETTINGS, **{"server.threads": threads})
        unread = UnreadDatagrams(egress.id)
        try:
            rows, _ = self.wait_for_parts(
                egress, [f"/bench/{MEDIA.stem}/media.m3u8"], egress.relays, count)
        finally:
            unread.stop()
            egress.stop()
        columns = [
            f"{statistics.median(row[key] for row in rows):.2f}"
            for key in ("first", "p50", "p99", "last")]
        columns.append(f"{unread.longest * 1000:.0f}")
        print(f"| {threads} | {count:,} | " + " | ".join(columns) + " |")

    def release_many_renditions(self, threads):
        """Viewers spread over broadcasts, whose parts come at different times.

        Publishers follow the clock: it is a delay of the network that spreads their parts.
        """
        count, part = 16, 240
        settings = {
            **self.SETTINGS, "packaging.part-target": part / 1000, "server.threads": threads}
        egress = Egress(
            self.program, [SMALL_MEDIA], broadcasts=count, relays=count, **settings)
        try:
            paths = [f"/{name}/{SMALL_MEDIA.stem}/media.m3u8" for name in egress.broadcasts]
            _, row = self.wait_for_parts(egress, paths, egress.relays, 1000, part // count)
        finally:
            egress.stop()
        self.print_release(threads, f"spread over {count} renditions", row)

    def release_beside_others(self, threads):
        """One request that is answered beside a thousand that are not."""
        settings = {**self.SETTINGS, "packaging.part-target": 0.25, "server.threads": threads}
        egress = Egress(self.program, [SMALL_MEDIA], broadcasts=2, relays=1, **settings)
        others = None
        try:
            path, _ = egress.media_playlist("bench/1")
            # What is held waits for three target durations, which is longer than this takes.
            egress.publishers[1].process.send_signal(signal.SIGSTOP)
            time.sleep(0.5)
            text = fetch(egress.address, path).decode()
            number = sequence(text)
            others = Process(
                [self.load, "hold", "--server", egress.address, "--clients", 999, "--waiting",
                 "--path", f"{path}?_HLS_msn={number + text.count('#EXTINF')}"])
            others.wait_for('"held"', 60)
            _, row = self.wait_for_parts(
                egress, [f"/bench/0/{SMALL_MEDIA.stem}/media.m3u8"], egress.relays, 1)
            if others.process.poll() is not None:
                raise Failed(f"the others do not wait: {others.output()}")
        finally:
            egress.publishers[1].process.send_signal(signal.SIGCONT)
            if others:
                others.stop()
            egress.stop()
        self.print_release(threads, "one of them, the others for what does not come", row)

    @staticmethod
    def print_release(threads, name, row):
        columns = " | ".join(f"{row[key]:.2f}" for key in ("p50", "p99", "last"))
        print(f"| {threads} | {name} | {columns} |")

    # Memory

    # Segments are held whole, whatever their rate.
    WHOLE = {"packaging.window-megabytes": 256}

    def viewers(self):
        """What a viewer that waits costs, between two requests and with one of them."""
        count = 10_000
        print(f"\nmemory of each of {count:,} viewers in bytes")
        print("| | in the server | in the kernel, both ends |\n|---|---|---|")
        nginx = Nginx()
        try:
            nginx.put("/a.m3u8", bytes(1000))
            self.hold("nginx, idle", nginx, "/a.m3u8", count)
        finally:
            nginx.stop()
        for name in ("idle", "waiting for a part"):
            egress = Egress(
                self.program, [MEDIA], **{"packaging.window": 6, "packaging.part-target": 2,
                                          "server.connections": 20000})
            try:
                path, text = egress.media_playlist()
                extra = []
                if name != "idle":
                    # Nothing comes any more; what is held waits for three target durations.
                    egress.publishers[0].process.send_signal(signal.SIGSTOP)
                    time.sleep(0.5)
                    text = fetch(egress.address, path).decode()
                    number = sequence(text)
                    path += f"?_HLS_msn={number + text.count('#EXTINF')}"
                    extra = ["--waiting"]
                self.hold(f"moq-egress, {name}", egress, path, count, extra)
            finally:
                egress.publishers[0].process.send_signal(signal.SIGCONT)
                egress.stop()

    def hold(self, name, server, path, count, extra=()):
        before, kernel = resident_bytes(server.id), kernel_bytes()
        client = Process(
            [self.load, "hold", "--server", server.address, "--path", path, "--clients", count,
             *extra])
        try:
            client.wait_for('"held"', 60)
            each = (resident_bytes(server.id) - before) / count
            both = (kernel_bytes() - kernel) / count
            print(f"| {name} | {each:,.0f} | {both:,.0f} |")
        finally:
            client.stop()

    def stream(self):
        """What a broadcast takes beside its media, once the window is full."""
        window = 10
        media = self.options.media or [self.make_media("20M")]
        egress = Egress(self.program, media, **self.WHOLE, **{"packaging.window": window})
        try:
            empty = resident_bytes(egress.id)
            egress.media_playlist()
            time.sleep(2 * window + 8)
            held = egress.metric("held_bytes")
            resident = resident_bytes(egress.id)
        finally:
            egress.stop()
        print("\nmemory of a rendition in MB\n"
              "| media held | resident without media | with it | beside the media |\n"
              f"|---|---|---|---|\n| {held / 1e6:.1f} | {empty / 1e6:.1f} | {resident / 1e6:.1f} "
              f"| {(resident - empty - held) / 1e6:.1f} |")

    def endurance(self):
        """Whether memory grows while viewers of several broadcasts come, break off and come again."""
        minutes, broadcasts, viewers = self.options.minutes, 4, 500
        egress = Egress(self.program, ALL_MEDIA, broadcasts=broadcasts)
        clients = []
        print(f"\n{broadcasts} broadcasts of {len(ALL_MEDIA)} files with {viewers} viewers each, who "
              f"break off and come again, {minutes} minutes\n"
              "| minutes | resident MB | media held MB | descriptors | CPU s |\n|---|---|---|---|---|")
        try:
            for name in egress.broadcasts:
                egress.media_playlist(name)
            # Twice the window is held.
            time.sleep(130)
            for index, name in enumerate(egress.broadcasts):
                clients.append(Process(
                    [self.load, "--server", egress.address, "--path", f"/{name}/index.m3u8",
                     "--clients", viewers, "--seconds", minutes * 60, "--churn", "--seed",
                     index + 1]))
            started, cost = time.monotonic(), seconds_of(egress.id)
            for step in range(13):
                time.sleep(max(0, started + step * minutes * 5 - time.monotonic()))
                descriptors = len(list(pathlib.Path(f"/proc/{egress.id}/fd").iterdir()))
                print(f"| {step * minutes / 12:.0f} | {resident_bytes(egress.id) / 1e6:.1f} "
                      f"| {egress.metric('held_bytes') / 1e6:.1f} | {descriptors} "
                      f"| {seconds_of(egress.id) - cost:.0f} |", flush=True)
            for client in clients:
                client.process.wait(120)
                print(*re.findall(
                    r"^(?:playlists|missed parts|errors) .*", client.output(), re.M), sep="; ")
        finally:
            for client in clients:
                client.stop()
            egress.stop()

    # Ingest

    def ingest(self):
        """CPU from the UDP socket to packaged parts, beside a subscriber that drops its objects."""
        seconds = 10
        print(f"\nCPU seconds for each GB of objects received over QUIC, in {seconds} s")
        print("| | Mbit/s | CPU s/GB |\n|---|---|---|")
        media = self.options.media or [self.make_media()]
        copies = [pathlib.Path(self.folder, f"copy{index}.mp4") for index in range(4)]
        for copy in copies:
            shutil.copy(media[0], copy)
        self.ingest_files(f"four of {pathlib.Path(media[0]).stem}", copies, seconds)
        self.ingest_files("one", media, seconds, self.options.python)

    def ingest_files(self, name, media, seconds, python=None):
        egress = Egress(self.program, media, **self.WHOLE, **{"packaging.window": 6})
        try:
            egress.media_playlist()
            # The window is full by then, and memory is used again.
            time.sleep(30)
            cost, size = seconds_of(egress.id), egress.metric("object_bytes_total")
            packaging = seconds_of(egress.id, "ingest")
            time.sleep(seconds)
            cost = seconds_of(egress.id) - cost
            packaging = seconds_of(egress.id, "ingest") - packaging
            size = egress.metric("object_bytes_total") - size
            self.print_ingest(f"moq-egress, ingest thread, {name}", size, seconds, packaging)
            self.print_ingest(f"moq-egress, the process, {name}", size, seconds, cost)
            if python:
                subscriber = Process(
                    [python, pathlib.Path(__file__).with_name("subscriber.py"),
                     "--address", egress.upstream, "--track",
                     pathlib.Path(media[0]).stem, "--seconds", seconds])
                figures = json.loads(subscriber.wait_for("{.*}", seconds + 20).group())
                subscriber.stop()
                self.print_ingest(
                    "aiomoqt, subscriber alone", figures["bytes"], figures["seconds"],
                    figures["cpu"])
        finally:
            egress.stop()

    @staticmethod
    def print_ingest(name, size, seconds, cost):
        print(f"| {name} | {size * 8 / seconds / 1e6:,.0f} | {cost / size * 1e9:.2f} |")

    def make_media(self, rate=None):
        """Noise in chunks of a frame, which no encoder makes small: some 150 Mbit/s, or at a rate."""
        path = pathlib.Path(self.folder, f"noise{rate or ''}.mp4")
        size = ["-b:v", rate, "-maxrate", rate, "-bufsize", rate] if rate else ["-qp", "12"]
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i",
             "nullsrc=size=960x540:rate=30:duration=6,geq=random(1)*255:128:128", "-c:v", "libx264",
             "-preset", "ultrafast", *size, "-bf", "0", "-g", "60", "-keyint_min", "60",
             "-sc_threshold", "0", "-pix_fmt", "yuv420p", "-video_track_timescale", "90000",
             "-movflags", "+cmaf+frag_every_frame+delay_moov", str(path)], check=True)
        return path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", help="which benchmarks (all)")
    parser.add_argument("--programs", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--parts", type=int, default=10)
    parser.add_argument("--media", nargs="*", help="fragmented MP4 files for stream and ingest")
    parser.add_argument("--python", help="a Python that has aiomoqt, to compare ingest with")
    parser.add_argument("--minutes", type=int, default=60, help="how long endurance goes on")
    options = parser.parse_args()
    for name in options.what:
        if name not in BENCHMARKS + LONG:
            parser.error(f"{name} is none of {', '.join(BENCHMARKS + LONG)}")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(options, folder)
        for name in options.what or BENCHMARKS:
            load = pathlib.Path("/proc/loadavg").read_text().split()[0]
            alone, together = pace()
            warn(f"{name} (load average {load}; a million additions take {alone:.0f} ms, on all CPUs "
                 f"at once {together:.0f} ms)")
            getattr(bench, name)()


if __name__ == "__main__":
    main()

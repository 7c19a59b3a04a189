#!/usr/bin/env python3
"""Sends what ffmpeg's encoders make through moq-egress and compares what comes out.

For each packaging, `moq-egress publish` plays the encoders' files on a loopback port, `record` takes a
few seconds of them and `replay` packages these. Then for each codec: samples are the encoder's, byte for
byte, at their exact times; ffmpeg decodes them without a word; the codecs parameters are those of the
sample entries; GStreamer's qtdemux and Chromium's MSE take them, where these are installed. What ffmpeg
encodes but no publisher here sends, Annex B above all, is written into recordings by hand (byhand.py).
"""
import argparse
import concurrent.futures
import fractions
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Peers"))
import browser
import byhand
import media
import rendition
import samples

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMESPACE = "live/codecs"
PACKAGINGS = ("cmaf", "loc", "hang")
PUBLISHED = ("pictures", "sound", "more-sound", "ntsc")
# Debian's Chromium has no decoders for these, and takes MP3 in no MP4: holes of this test, which must
# not go unnoticed.
NOT_IN_CHROMIUM = ("hvc1", "hev1", "ac-3", "ec-3", "mp4a.6B")
PARSERS = {
    "avc1": "h264parse", "avc3": "h264parse", "hvc1": "h265parse", "hev1": "h265parse",
    "av01": "av1parse", "vp09": "vp9parse", "mp4a.40": "aacparse", "mp4a": "mpegaudioparse",
    "Opus": "opusparse", "fLaC": "flacparse", "ac-3": "ac3parse", "ec-3": "ac3parse",
}


class Failed(Exception):
    """What was expected and did not happen."""


class Case:
    """One codec in one packaging: what is served, and what each check says of it."""

    def __init__(self, name, packaging, encoded, times=None, scale=None):
        self.name, self.packaging, self.encoded = name, packaging, encoded
        self.times, self.scale = times, scale
        self.results, self.faults = {}, []
        self.rendition = self.samples = self.codec = None

    def check(self, column, body):
        """Runs a check; its text stands in the table, its failure in the list."""
        try:
            self.results[column] = body()
        except (Failed, samples.Mismatch, OSError, ValueError, KeyError, StopIteration,
                subprocess.SubprocessError) as error:
            self.results[column] = "FAILED"
            self.faults.append(f"{column}: {error}")


def run(command, patience=120):
    """A program's standard output; its standard error must stay empty."""
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True,
        timeout=patience)
    said = done.stderr.decode(errors="replace").strip()
    if done.returncode != 0 or said:
        raise Failed(f"{command[0]} ended with {done.returncode}: {' | '.join(said.splitlines()[:3])}")
    return done.stdout.decode(errors="replace")


def publish_and_record(arguments, folder, packaging, files, recording):
    """Records what a publisher sends of files."""
    log = folder / "publish.log"
    with open(log, "wb") as output:
        publisher = subprocess.Popen(
            [str(part) for part in (
                arguments.program, "publish", *files, "--packaging", packaging, "--listen",
                "127.0.0.1:0", "--namespace", NAMESPACE)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + 30
        while not (found := re.search(r"^publishing at (\S+)", log.read_text(), re.MULTILINE)):
            if publisher.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"the publisher does not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        subprocess.run(
            [arguments.program, "record", found.group(1), NAMESPACE, "-o", recording, "--insecure",
             "--seconds", str(arguments.seconds)],
            check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    finally:
        publisher.send_signal(signal.SIGTERM)
        try:
            publisher.wait(10)
        except subprocess.TimeoutExpired:
            publisher.kill()
            publisher.wait()


def replay(arguments, recording, output):
    """Packages a recording; what the service would have warned of is a fault."""
    done = subprocess.run(
        [arguments.program, "replay", recording, NAMESPACE, "-o", output, "--verbose"],
        capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
    log = done.stderr.decode(errors="replace")
    if done.returncode != 0:
        raise Failed(f"replay ended with {done.returncode}: {log[-500:]}")
    return [line for line in log.splitlines() if line.startswith(("warning", "error"))]


def check_rendition(case, output, loop, parts):
    """Everything but the browser."""
    folder = output / case.name
    if not (folder / "media.m3u8").exists():
        case.faults.append("it is not served")
        return
    case.rendition = served = rendition.Rendition(folder)
    case.faults += served.faults()
    if served.init is None or not served.segments:
        return
    path = served.concatenated(folder / "whole.mp4")

    def same():
        case.samples = samples.Samples(path)
        encoded = samples.Samples(case.encoded)
        least = int(len(encoded.packets) * parts)
        begin = None
        if case.times:
            encoded.retime(case.times, case.scale)
            begin = byhand.EPOCH * case.scale
        return samples.compare(
            case.samples, encoded, loop, least, case.packaging == "cmaf", begin)

    def durations():
        first, end = edges(case)
        lasts = end - first
        if abs(served.duration - lasts) > 0.001 * len(served.segments) + 0.0005:
            raise Failed(f"the playlist's durations sum up to {served.duration:.4f} s, not {lasts:.4f}")
        return "yes"

    def codec():
        case.codec = text = rendition.codec_text(served.header())
        listed = set(re.findall(r'CODECS="([^"]*)"', (output / "index.m3u8").read_text()))
        if text not in {one for codecs in listed for one in codecs.split(",")}:
            raise Failed(f"{text} is in no CODECS of {sorted(listed)}")
        manifest = (output / "manifest.mpd").read_text()
        element = re.search(rf'<Representation id="{re.escape(case.name)}"[^>]*', manifest)
        if not element or f'codecs="{text}"' not in element.group():
            raise Failed(f"the MPD says {element.group() if element else 'nothing'}, not {text}")
        return text

    def decodes():
        run(["ffmpeg", "-nostdin", "-v", "error", "-i", path, "-fps_mode", "passthrough",
             "-enc_time_base", "-1", "-f", "null", "-"])
        return "silent"

    case.check("samples", same)
    if case.samples:
        case.check("EXTINF", durations)
    case.check("codecs", codec)
    case.check("ffmpeg", decodes)
    if shutil.which("gst-launch-1.0") and case.codec:
        case.check("GStreamer", lambda: gstreamer(path, case.codec))


def edges(case):
    """When a rendition's media begins and ends by its decode times, in seconds."""
    decode, scale = case.samples.times("dts"), case.samples.timescale
    return decode[0] / scale, (decode[-1] + case.samples.packets[-1]["duration"]) / scale


def gstreamer(path, codec):
    parser = next(value for key, value in PARSERS.items() if codec.startswith(key))
    if subprocess.run(["gst-inspect-1.0", "--exists", parser]).returncode != 0:
        return f"no {parser}"
    said = run(["gst-launch-1.0", "-q", "filesrc", f"location={path}", "!", "qtdemux", "!", parser,
                "!", "fakesink"])
    if "ERROR" in said or "WARNING" in said:
        raise Failed(said)
    return "clean"


def check_browser(cases, folder):
    """Chromium on all cases at once: starting it takes longer than they do."""
    tests = []
    playable = [case for case in cases if case.samples and case.codec]
    for case in playable:
        kind = "video" if case.samples.is_video else "audio"
        where = case.rendition.folder.relative_to(folder)
        start = min(case.samples.times("pts")) / case.samples.timescale
        tests.append({
            "name": f"{case.name} {case.packaging}", "type": f'{kind}/mp4; codecs="{case.codec}"',
            "pieces": [f"{where}/{name}" for name in case.rendition.names()], "start": start + 0.5})
    results = browser.play(folder, tests)
    for case in playable:
        case.check("Chromium", lambda: verdict(case, results.get(f"{case.name} {case.packaging}")))


def verdict(case, result):
    if result is None:
        raise Failed("the browser says nothing")
    is_hole = case.codec.startswith(NOT_IN_CHROMIUM)
    if result["supported"] == is_hole:
        raise Failed(f"isTypeSupported says {result['supported']} of {case.codec}")
    if is_hole:
        # Refused in both ways: it really is a hole, and not one of this page.
        if not result.get("error", "").startswith("NotSupportedError"):
            raise Failed(f"it is not supported, and yet: {result}")
        return "refused"
    if error := result.get("error"):
        raise Failed(error)
    scale, shown = case.samples.timescale, sorted(case.samples.times("pts"))
    last = case.samples.packets[-1]["duration"]
    first, end = shown[0] / scale, (shown[-1] + last) / scale
    if len(result["buffered"]) != 1:
        raise Failed(f"buffered is {result['buffered']}")
    start, stop = result["buffered"][0]
    # A frame more or less at the ends: sound has priming, and durations of last frames vary.
    frame = last / scale + 0.001
    if abs(start - first) > frame or abs(stop - end) > frame:
        raise Failed(f"buffered is {start:.3f} to {stop:.3f} s, not {first:.3f} to {end:.3f} s")
    return "plays"


def published(arguments, work, packaging, group, files):
    """The cases of one set of files in one packaging."""
    folder = work / f"{packaging}-{group}"
    folder.mkdir()
    cases = [Case(name, packaging, path) for name, path in files.items()]
    recording = folder / "recording"
    try:
        publish_and_record(arguments, folder, packaging, files.values(), recording)
        warnings = replay(arguments, recording, folder / "out")
        if warnings:
            # This is real time: a machine that does something else for seconds gets another chance.
            print(f"codecs: {packaging} {group}: once more after {warnings[0]}", flush=True)
            shutil.rmtree(folder / "out")
            publish_and_record(arguments, folder, packaging, files.values(), recording)
            warnings = replay(arguments, recording, folder / "out")
    except (Failed, OSError, subprocess.SubprocessError) as error:
        for case in cases:
            case.faults.append(str(error))
        return cases
    lead = samples.Samples(next(iter(files.values())))
    decode = lead.times("dts")
    ticks = (decode[1] - decode[0]) * len(decode)
    for case in cases:
        check_rendition(
            case, folder / "out", fractions.Fraction(ticks, lead.timescale),
            (arguments.seconds - 4) / media.SECONDS)
        case.faults += [line for line in warnings if f" {case.name} " in f"{line} "]
    return cases


def scripted(arguments, work, script, files):
    """The cases of a recording that was written by hand."""
    folder = work / script.__name__
    folder.mkdir()
    cases = [
        Case(name, "by hand", path, times, scale)
        for name, path, times, scale in script(files, folder / "recording", NAMESPACE)]
    try:
        warnings = replay(arguments, folder / "recording", folder / "out")
    except (Failed, OSError, subprocess.SubprocessError) as error:
        warnings = [str(error)]
    for case in cases:
        # Sound that goes on after the last picture is left out.
        check_rendition(
            case, folder / "out", fractions.Fraction(media.SECONDS), 0.98 if case.times else 1)
        case.faults += warnings
    return cases


def table(cases):
    columns = ("samples", "EXTINF", "codecs", "ffmpeg", "GStreamer", "Chromium")
    rows = [("codec", "packaging", *columns)]
    for case in cases:
        rows.append((case.name, case.packaging, *(str(case.results.get(c, "-")) for c in columns)))
    widths = [max(len(row[index]) for row in rows) for index in range(len(rows[0]))]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build/debug/moq-egress"))
    parser.add_argument("--seconds", type=float, default=8, help="how much is recorded")
    parser.add_argument("--only", help="only jobs whose name matches this expression")
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for what is made, kept")
    arguments = parser.parse_args()
    if not os.access(arguments.program, os.X_OK):
        parser.error(f"{arguments.program} is not there: swift build --product moq-egress")
    files = media.encode(ROOT / ".build/codecs-media")
    with tempfile.TemporaryDirectory(prefix="codecs-") as temporary:
        work = arguments.keep or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        jobs = [
            (f"{packaging} {group}", published, packaging, group, files[group])
            for packaging in PACKAGINGS for group in PUBLISHED]
        jobs += [(f"by hand {s.__name__}", scripted, s, files) for s in byhand.SCRIPTS]
        jobs = [job for job in jobs if not arguments.only or re.search(arguments.only, job[0])]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            made = [pool.submit(body, arguments, work, *rest) for _, body, *rest in jobs]
            cases = [case for future in made for case in future.result()]
        if browser.program():
            check_browser(cases, work)
    table(cases)
    for name, there in (("GStreamer", shutil.which("gst-launch-1.0")), ("Chromium", browser.program())):
        if not there:
            print(f"codecs: {name} is not installed: NOT CHECKED")
    holes = sorted({case.codec for case in cases if case.results.get("Chromium") == "refused"})
    if holes:
        print(f"codecs: this Chromium takes none of {', '.join(holes)}: a hole of this test")
    failed = [case for case in cases if case.faults]
    for case in failed:
        for fault in case.faults[:4]:
            print(f"codecs: {case.name} {case.packaging}: FAILED: {fault}")
    print(f"codecs: {len(cases) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

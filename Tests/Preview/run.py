#!/usr/bin/env python3
"""Opens the preview page in Chromium without a window and watches it play.

The page's own figures are asked for by the DevTools protocol, and its picture is read: frames carry
their numbers. A run fails on a failed check and on what the browser complains of. With `--smooth`, for a
machine that does nothing else, it also fails on a stall, on a dropped frame, on a switch that nobody asked
for, and when the picture is not where the playlist's hold-back puts it. `--screenshots` keeps pictures of
the page in both themes and both widths.
"""
import argparse
import pathlib
import sys
import tempfile
import time

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "Peers"))
import devtools
import processes
from processes import Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULES = pathlib.Path(__file__).with_name("modules.js").read_text()
PICTURE = pathlib.Path(__file__).with_name("picture.js").read_text()
WIDE, PHONE = (1440, 900, 1), (390, 844, 2)
# What the page checks by its clock: a busy machine fails them.
TIMED = {"HLS-027", "HLS-053"}


class Service:
    """The demo, or with other parts than its own a publisher and a bridge."""

    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.running = []

    def start(self, name, *command):
        self.running.append(
            processes.Process(self.folder / f"{name}-{len(self.running)}.log", command))
        return self.running[-1]

    def publish(self, port):
        media = sorted((ROOT / "Fixtures/Media").glob("*.mp4"))
        publisher = self.start(
            "publish", self.arguments.program, "publish", *media, "--listen", f"127.0.0.1:{port}",
            "--namespace", "demo")
        return publisher, publisher.wait_for(r"^publishing at (\S+)").group(1)

    def __enter__(self):
        if self.arguments.part_target is None:
            service = self.start(
                "demo", self.arguments.program, "demo", "--listen", "127.0.0.1:0", "--media",
                ROOT / "Fixtures/Media")
        else:
            _, upstream = self.publish(0)
            service = self.bridge(upstream)
        self.url = service.wait_for(r"^listening on (\S+)").group(1) + "/demo/"
        return self

    def bridge(self, upstream, port=0):
        file = self.folder / "bridge.yml"
        target = self.arguments.part_target or 0.5
        file.write_text(f"packaging:\n  part-target: {target}\n")
        return self.start(
            "serve", self.arguments.program, "serve", "--config", file, "--upstream", upstream,
            "--namespace", "demo", "--insecure", "--listen", f"127.0.0.1:{port}")

    def __exit__(self, *_):
        for process in reversed(self.running):
            process.kill()


class Page:
    """The preview page in a browser."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        # The broadcast may be a moment away.
        processes.wait_until(lambda: self.opens(url), 20, "the page opens")

    def opens(self, url):
        self.browser.open("about:blank")
        self.browser.open(url)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            if self.browser.evaluate("Boolean(window.moqEgressPreview)"):
                self.browser.errors.clear()
                return True
            time.sleep(0.1)
        return False

    def measure(self):
        return self.browser.evaluate("moqEgressPreview.figures.measurements()")

    def wait(self, what, condition, seconds=20):
        """The first measurements that meet a condition."""
        last = {}

        def met():
            last.update(self.measure())
            return last if condition(last) else None

        try:
            return processes.wait_until(met, seconds, what)
        except Failed as failure:
            raise Failed(
                f"{failure}; it is {last.get('state')} {last.get('problem')} {last.get('log')}"
            ) from None

    def picture(self, seconds):
        return self.browser.evaluate(
            f"({PICTURE})({round(seconds * 1000)})", patience=seconds + 30)

    def click(self, selector):
        self.browser.evaluate(f"document.querySelector({selector!r}).click()")


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def expect(holds, text):
    if not holds:
        raise Failed(text)


def expect_smooth(figures, arguments, framerate=25):
    """Nothing stood still, nothing was dropped, and the frames of the time were there."""
    seconds = arguments.seconds
    expect(figures["frames"]["decoded"] > 0, "no frame was decoded")
    if not arguments.smooth:
        return
    expect(figures["stalls"]["count"] == 0,
           f"{figures['stalls']['count']} stalls: {figures['log']}")
    expect(figures["frames"]["dropped"] == 0, f"{figures['frames']['dropped']} frames dropped")
    expect(figures["frames"]["decoded"] >= 0.9 * framerate * seconds,
           f"{figures['frames']['decoded']} frames in {seconds} s")


def reads_and_decides(browser, service, arguments):
    Page(browser, service.url)
    wrong = browser.evaluate(f"({MODULES})()")
    expect(not wrong, " | ".join(wrong))
    return "modules read, decide and find every fault"


def plays_parts(browser, service, arguments):
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    picture = page.picture(arguments.seconds)
    figures = page.measure()
    expect_smooth(figures, arguments)
    failed = [f"{check['id']} {check['seen']}" for check in figures["checks"]
              if check["outcome"] == "fail" and (arguments.smooth or check["id"] not in TIMED)]
    expect(not failed, f"checks fail: {failed}")
    expect(sum(check["outcome"] == "pass" for check in figures["checks"]) >= 20,
           "checks have seen nothing")
    latency, hold_back = figures["latencies"], figures["holdBack"]
    expect(latency, "no latency was measured")
    expect(not browser.errors, f"the browser complains: {browser.errors[:3]}")
    if arguments.smooth:
        expect_in_place(figures, picture)
    screen = picture["latencies"]
    expect(screen, "no picture was read")
    return (f"{figures['frames']['decoded']} frames, {figures['stalls']['count']} stalls, parts of "
            f"{figures['partTarget']} s, hold-back {hold_back} s; latency by date-time p50 "
            f"{latency['p50']:.3f} p95 {latency['p95']:.3f} most {latency['most']:.3f} s, by the "
            f"picture's number p50 {quantile(screen, 0.5):.3f} p95 {quantile(screen, 0.95):.3f} s")


def expect_in_place(figures, picture):
    """The picture is where the hold-back puts it, and the page tells so."""
    expect(len(figures["switches"]) == 1, f"renditions were switched: {figures['switches']}")
    # The hold-back puts the picture so far behind the edge; the buffer is what lies between the two,
    # a part less just before one comes.
    latency, hold_back = figures["latencies"], figures["holdBack"]
    expect(latency["p50"] > hold_back - figures["partTarget"],
           f"latency of {latency} with a hold-back of {hold_back}")
    expect(0 < figures["buffer"] <= hold_back + figures["partTarget"],
           f"{figures['buffer']} s of buffer")
    expect(picture["unread"] == 0, f"{picture['unread']} pictures without a number")
    wrong = max(abs(value) for value in picture["differences"])
    # A frame of doubt, as the screen may show one while the callback tells of another.
    expect(wrong <= 0.045 + figures["clock"]["uncertainty"] + abs(figures["clock"]["offset"]),
           f"latency is told {wrong * 1000:.0f} ms from what the picture says")


def switches(browser, service, arguments):
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    for name, width in (("240p", 426), ("480p", 854), ("720p", 1280)):
        page.click(f'.rendition input[value="{name}"]')
        page.wait(f"{name} is shown", lambda figures: figures["rendition"] == name)
        page.wait(f"{name} is on the screen", lambda _: browser.evaluate(
            "document.getElementById('video').videoWidth") == width)
    figures = page.measure()
    expect(figures["stalls"]["count"] == 0 or not arguments.smooth, f"stalls: {figures['log']}")
    expect(figures["switches"][-3:] == ["240p", "480p", "720p"], f"switches {figures['switches']}")
    return " → ".join(figures["switches"])


def adapts(browser, service, arguments):
    """The network gets narrower than the best rendition, and wide again."""
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    best = page.measure()["rendition"]
    browser.call("Network.enable")

    def narrow(rate):
        browser.call("Network.emulateNetworkConditions", offline=False, latency=0,
                     downloadThroughput=rate, uploadThroughput=-1)

    narrow(110_000)
    figures = page.wait(
        "a lesser rendition", lambda figures: figures["rendition"] not in (best, None), 60)
    lesser = figures["rendition"]
    narrow(-1)
    page.wait("the best again", lambda figures: figures["rendition"] == best, 90)
    browser.call("Network.disable")
    return f"{best} → {lesser} → {best}"


def pauses(browser, service, arguments):
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    page.click("#play")
    page.wait("it is paused", lambda figures: figures["state"] == "paused", 2)
    time.sleep(1.5)
    expect(page.measure()["state"] == "paused", "it does not stay paused")
    page.click("#play")
    page.wait("the picture moves again", lambda figures: figures["state"] == "playing")
    time.sleep(1)
    figures = page.measure()
    expect(figures["latency"] < figures["holdBack"] + 1 or not arguments.smooth,
           f"it is {figures['latency']} s late")
    return "joins the live edge again"


def plays_in_time(arguments):
    """Whether the picture moves, and not much later than it should where that can be asked."""
    def condition(figures):
        latencies = figures["latencies"]
        if figures["state"] != "playing" or latencies is None or latencies["count"] <= 20:
            return False
        lateness = figures["latency"] - figures["holdBack"]
        return lateness < figures["partTarget"] or not arguments.smooth
    return condition


def recovers(browser, service, arguments):
    """The publisher dies and another begins; then the bridge does the same."""
    publisher, upstream = service.publish(0)
    bridge = service.bridge(upstream)
    page = Page(browser, bridge.wait_for(r"^listening on (\S+)").group(1) + "/demo/")
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    publisher.kill()
    page.wait("it has nothing to play", lambda figures: figures["state"] != "playing")
    service.publish(upstream.rsplit(":", 1)[1].strip("/"))
    page.wait("it plays on", lambda figures: figures["state"] == "playing", 60)
    page.browser.evaluate("moqEgressPreview.figures.latencies.clear()")
    page.wait("it is in time again", plays_in_time(arguments), 60)
    bridge.kill()
    page.wait("the bridge is missed", lambda figures: figures["state"] != "playing")
    port = page.url.split(":")[2].split("/")[0]
    service.bridge(upstream, port)
    page.wait("it plays on", lambda figures: figures["state"] == "playing", 60)
    page.browser.evaluate("moqEgressPreview.figures.latencies.clear()")
    figures = page.wait("it is in time again", plays_in_time(arguments), 60)
    return f"plays on after both; {figures['log']}"


def plays_natively(browser, service, arguments):
    page = Page(browser, service.url + "#engine=native")
    if not browser.evaluate("moqEgressPreview.hasNative"):
        return "SKIPPED: this Chromium has no HLS of its own"
    page.wait("the picture moves", lambda figures: figures["state"] == "playing", 40)
    picture = page.picture(arguments.seconds)
    figures = page.measure()
    expect(figures["engine"] == "native", "it has given up the browser's own HLS")
    expect_smooth(figures, arguments)
    screen = picture["latencies"]
    expect(screen, "no picture was read")
    return (f"{figures['frames']['decoded']} frames of {figures['rendition']}, "
            f"{figures['stalls']['count']} stalls; latency by the "
            f"picture's number p50 {quantile(screen, 0.5):.3f} p95 {quantile(screen, 0.95):.3f} s")


def is_accessible(browser, service, arguments):
    """What can be operated has a name, can be reached by keyboard, and fits a phone."""
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    browser.call("Accessibility.enable")
    nodes = [node for node in browser.call("Accessibility.getFullAXTree")["nodes"]
             if not node.get("ignored")]
    browser.call("Accessibility.disable")
    operable = [node for node in nodes if node["role"]["value"] in
                ("button", "radio", "combobox", "textbox", "link", "image", "Video")]
    nameless = [node["role"]["value"] for node in operable if not node.get("name", {}).get("value")]
    expect(len(operable) >= 15, f"only {len(operable)} things to operate")
    expect(not nameless, f"without a name: {nameless}")
    reached = set()
    for _ in range(30):
        for kind in ("keyDown", "keyUp"):
            browser.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
                         windowsVirtualKeyCode=9)
        reached.add(browser.evaluate(
            "document.activeElement.id || document.activeElement.dataset.copy"
            " || document.activeElement.name"))
    wanted = {"play", "mute", "fullscreen", "engine", "hls", "dash", "rendition", "events"}
    expect(wanted <= reached, f"the keyboard does not reach {wanted - reached}")
    browser.resize(*PHONE)
    width = browser.evaluate("document.documentElement.scrollWidth")
    browser.resize(*WIDE)
    expect(width <= PHONE[0], f"{width} pixels wide on a phone of {PHONE[0]}")
    return f"{len(operable)} things with names, {len(reached)} reached by keyboard"


def takes_screenshots(browser, service, arguments):
    folder = pathlib.Path(arguments.screenshots)
    folder.mkdir(parents=True, exist_ok=True)
    page = Page(browser, service.url)
    page.wait("the picture moves", lambda figures: figures["state"] == "playing")
    # Long enough for the charts to be full.
    time.sleep(min(arguments.seconds, 60))
    for name, size in (("wide", WIDE), ("phone", PHONE)):
        for theme in ("light", "dark"):
            browser.resize(*size)
            browser.set_theme(theme)
            # The page's own rhythm draws the charts anew.
            time.sleep(1.2)
            browser.screenshot(folder / f"{name}-{theme}.png")
    return f"in {folder}"


CASES = {
    "modules": reads_and_decides, "parts": plays_parts, "switching": switches,
    "throughput": adapts, "pause": pauses, "restart": recovers, "native": plays_natively,
    "accessibility": is_accessible,
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default=str(ROOT / ".build/debug/moq-egress"))
    parser.add_argument("--seconds", type=float, default=15, help="how long each player plays")
    parser.add_argument("--smooth", action="store_true", help="a stall is a fault")
    parser.add_argument("--part-target", type=float, help="seconds; else those of the demo")
    parser.add_argument("--screenshots", metavar="DIR", help="keep pictures of the page there")
    parser.add_argument("--case", action="append", choices=CASES, help="only these; may be repeated")
    arguments = parser.parse_args()
    cases = {name: CASES[name] for name in arguments.case or CASES}
    if arguments.screenshots:
        cases["screenshots"] = takes_screenshots
    failed = 0
    with tempfile.TemporaryDirectory(prefix="preview-") as folder, \
            Service(arguments, pathlib.Path(folder)) as service:
        for name, body in cases.items():
            try:
                with devtools.Browser() as browser:
                    browser.resize(*WIDE)
                    print(f"{name}: {body(browser, service, arguments)}", flush=True)
            except (Failed, devtools.BrowserError) as error:
                failed += 1
                print(f"{name}: FAILED: {error}", flush=True)
    print(f"preview: {len(cases) - failed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Finds the functions that a part runs through, for Config/hot-functions.txt.

Runs a release build under Valgrind (Debian: valgrind), with one viewer who waits for every part, and writes
the names of all functions between a datagram and the answer: those of the ingest thread, of both, of the
serving thread, and between them the marks of Sources/CLinux/code.c. A program is linked anew when there is
none: remove it, and build again.
"""
import argparse
import pathlib
import re
import stat
import subprocess
import tempfile
import time

from servers import Egress, Failed, Process

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAMES = ROOT / "Config/hot-functions.txt"
MEDIA = ROOT / "Fixtures/Media/240p.mp4"
# Where a part's way begins in a thread and in what it ends; mangled names, with what may be anything.
WAY = [
    "*Egress12UpstreamLinkC7receive*", "*Egress10IngestCoreC6handle_2on*", "*Egress10IngestLoopC8carryOut*",
    "*Egress9ServeLoopC4takeyy*", "*Egress9ServeLoopC7workOff*"]


def functions(profile, program):
    """Names of the program's functions in a profile of Callgrind's."""
    names, objects, found, current = {}, {}, set(), ""
    for line in profile.read_text().splitlines():
        match = re.match(r"(c?)(ob|fn)=\((\d+)\)(?: (.*))?$", line)
        if not match:
            continue
        called, kind, number, name = match.groups()
        known = objects if kind == "ob" else names
        if name:
            known[number] = name
        if not called and kind == "ob":
            current = known[number]
        elif not called and current == str(program):
            # Callgrind counts the levels of a recursion.
            found.add(re.sub(r"'\d+$", "", known[number]))
    return found


def movable(build):
    """Names of functions that are nowhere but in our own objects.

    Copies of generic functions are in those of Swift's library too, where hundreds share a section that
    would come along.
    """
    modules = [path.name for path in (ROOT / "Sources").iterdir()]
    objects = [str(path) for module in modules for path in build.glob(f"{module}.build/*.o")]
    listing = subprocess.run(
        ["nm", "--defined-only", *objects], capture_output=True, text=True, check=True).stdout
    names = {line.split()[-1] for line in listing.splitlines() if len(line.split()) == 3}
    ours = re.compile("|".join(f"{len(module)}{module}" for module in modules))
    return {name for name in names if ours.search(name) or name[0] not in "$_"}


def profile(program, load, folder):
    """Profiles of the threads, by what they run."""
    stripped, wrapper, out = (folder / name for name in ("program", "wrapper", "profile"))
    # Valgrind does not read the newest debugging information.
    subprocess.run(["strip", "--strip-debug", "-o", stripped, program], check=True)
    toggles = " ".join(f"--toggle-collect='{name}'" for name in WAY)
    wrapper.write_text(
        f"#!/bin/sh\n[ \"$1\" = serve ] || exec {program} \"$@\"\n"
        "exec valgrind --tool=callgrind --demangle=no --separate-threads=yes --instr-atstart=no "
        f"{toggles} --callgrind-out-file={out} {stripped} \"$@\"\n")
    wrapper.chmod(wrapper.stat().st_mode | stat.S_IXUSR)
    settings = {"packaging.window": 6, "packaging.part-target": 0.25}
    egress = Egress(wrapper, [MEDIA], relays=1, **settings)
    viewer = Process(
        [load, "release", "--server", egress.address, "--clients", 1, "--rounds", 200,
         "--path", f"/bench/{MEDIA.stem}/media.m3u8", "--relay", egress.relays[0]])
    try:
        # A window fills, and what is done once has been done.
        time.sleep(12)
        for argument in ("-i on", "-d"):
            subprocess.run(
                ["callgrind_control", *argument.split(), str(egress.id)], check=True,
                capture_output=True)
            time.sleep(8)
    finally:
        viewer.stop()
        egress.stop()
    found = [functions(path, stripped) for path in sorted(folder.glob("profile.1-*"))]
    return thread_with("CMAFChunkV5parse", found), thread_with("MediaPlaylistV6render", found)


def thread_with(part, found):
    """What that thread runs which runs a function whose name has `part` in it."""
    for names in found:
        if any(part in name for name in names):
            return names
    raise Failed(f"none of {len(found)} threads runs '*{part}*' on a part's way: {', '.join(WAY)}")


def layout(program):
    """KB that threads of a program fetch at once, and how many of the names are not in it any more."""
    listing = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    places = {line.split()[-1]: line.split()[0] for line in listing.splitlines() if line[0] != " "}
    wanted = NAMES.read_text().split()

    if missing := [name for name in wanted if name.startswith("hot_") and name not in places]:
        raise Failed(f"{program} is no release build of this: it has no {', '.join(missing)}")

    def size(thread):
        begin, end = (int(places[f"hot_{thread}_{mark}"], 16) for mark in ("begin", "end"))
        return (end - begin) // 1024

    return size("ingest"), size("serve"), sum(name not in places for name in wanted), len(wanted)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / ".build/release")
    parser.add_argument("--output", type=pathlib.Path, default=NAMES)
    options = parser.parse_args()
    build = options.build.resolve()
    with tempfile.TemporaryDirectory() as folder:
        ingest, serve = profile(
            build / "moq-egress", build / "moq-egress-load", pathlib.Path(folder).resolve())
    own = movable(build)
    ingest, serve = ingest & own, serve & own
    both = ingest & serve
    names = [
        "hot_ingest_begin", *sorted(ingest - both), "hot_serve_begin", *sorted(both),
        "hot_ingest_end", *sorted(serve - both), "hot_serve_end"]
    options.output.write_text("\n".join(names) + "\n")
    print(f"{len(ingest)} functions of ingest, {len(serve)} of serving, {len(both)} of both")


if __name__ == "__main__":
    main()

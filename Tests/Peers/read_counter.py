#!/usr/bin/env python3
"""Checks the frame numbers that Fixtures/Media/make.sh burns into its pictures.

Reads raw gray pictures from standard input and fails unless the numbers count up by one, modulo the
length of the loop, with no frame missing, doubled or unreadable:

  ffmpeg -i URL -map 0:v:2 -t 10 -f rawvideo -pix_fmt gray - | read_counter.py 426 240 --at-least 240
"""
import argparse
import sys

BITS = 12


def number(picture, width):
    """The number in a picture's squares; None when they are not there."""
    size = width // 20
    levels = [picture[size // 2 * width + size * index + size // 2] for index in range(BITS + 2)]
    if levels[0] < 160 or levels[1] > 90 or any(90 < level < 160 for level in levels):
        return None
    return sum(1 << bit for bit in range(BITS) if levels[bit + 2] > 128)


def numbers(stream, width, height):
    """Yields the number of every whole picture of a stream."""
    size = width * height
    while True:
        picture = stream.read(size)
        if len(picture) < size:
            return
        yield number(picture, width)


def faults(found, loop):
    """A sentence for each place where the numbers do not count up by one."""
    result = [f"frame {i} has no number" for i, value in enumerate(found) if value is None]
    for index, (left, right) in enumerate(zip(found, found[1:])):
        if None not in (left, right) and right != (left + 1) % loop:
            result.append(f"frame {index + 1} has number {right} after {left}")
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("width", type=int)
    parser.add_argument("height", type=int)
    parser.add_argument("--loop", type=int, default=400, help="frames of a loop")
    parser.add_argument("--at-least", type=int, default=1, help="frames that must have come")
    arguments = parser.parse_args()
    found = list(numbers(sys.stdin.buffer, arguments.width, arguments.height))
    problems = faults(found, arguments.loop)
    if len(found) < arguments.at_least:
        problems.append(f"{len(found)} frames came, at least {arguments.at_least} were expected")
    for problem in problems[:20]:
        print(problem)
    print(f"{len(found)} frames, {len(problems)} faults")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()

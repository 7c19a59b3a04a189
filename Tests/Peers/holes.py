"""What the peers themselves can't do. The matrix asserts each of these: a mended peer is noticed."""
import dataclasses
import sys

import aiomoqt.media
import moq

from processes import Failed
from sources import DRAFTS, HERE


@dataclasses.dataclass(frozen=True)
class Hole:
    """Combinations that can't play, and why."""

    publisher: str
    packaging: str
    relay: str
    drafts: tuple
    reason: str
    # Of (workspace, running, draft, transport); fails when the hole is not there.
    check: callable

    def holds(self, source, draft):
        wanted = (self.publisher, self.packaging, self.relay)
        return (source.publisher, source.packaging, source.relay) == wanted and draft in self.drafts


def check_times(space, running, draft, transport):
    """A subscriber of aiomoqt's own gets other times than an aiomoqt publisher sent."""
    witness = space.start("witness", [
        sys.executable, HERE / "witness.py", "--port", running.port, "--draft", draft,
        "--transport", transport, "--namespace", running.namespace(draft), "--track", "240p"])
    verdict = witness.wait_for("^(kept|rewritten|none)$").group(1)
    if verdict == "kept":
        raise Failed("the relay keeps LOC timestamps now")
    return f"aiomoqt's own subscriber gets the timestamps {verdict}"


HOLES = (
    Hole(
        "aiomoqt", "loc", "moq-rs", DRAFTS,
        "moq-rs's relay replaces the timestamp of LOC objects by the time of their arrival, unless the "
        "track has the property TIMESCALE (the row timed-loc), and drops their configuration; "
        "aiomoqt's own subscriber sees it too", check_times),
    Hole(
        "aiomoqt", "timed-loc", "moq-rs", (14,),
        "draft 14 has no track properties, so that moq-rs's relay can't know a timescale and replaces "
        "timestamps", check_times),
)

# Rows that can't be: (row, reason, whether it is still so).
ABSENT = (
    (
        "aiomoqt, hang", "aiomoqt has no hang catalog and no hang container",
        not hasattr(aiomoqt.media, "hang"),
    ),
    (
        "moq-rs, loc", "moq-rs publishes raw frames in its own container only, beside CMAF",
        not any("LOC" in name for name in moq.ContainerFormat.__members__),
    ),
    (
        "moq-rs with a draft of its own", "moq-rs's binding pins no draft: into a relay it takes "
        "moq-lite-06 or the newest draft, and the bridge chooses on its own side",
        "version" not in moq.Client.__init__.__kwdefaults__,
    ),
)


def find(source, draft):
    return next((hole for hole in HOLES if hole.holds(source, draft)), None)

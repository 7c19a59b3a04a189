"""What the peers themselves can't do. The matrix asserts each of these: a mended peer is noticed."""
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Hole:
    """Combinations that can't play, why, and by what the bridge shows it."""

    # Of the sources' names, of drafts and of transports.
    sources: str
    drafts: tuple
    transports: tuple
    reason: str
    sign: str

    def holds(self, source, draft, transport):
        return (
            re.fullmatch(self.sources, str(source)) is not None and draft in self.drafts
            and transport in self.transports)


HOLES = ()

# Rows that can't be: (row, reason).
ABSENT = (
    ("aiomoqt, hang", "aiomoqt has no hang catalog and no hang container"),
    ("moq-rs, loc", "moq-rs's publisher packages as its own container or as CMAF only"),
)


def find(source, draft, transport):
    return next((hole for hole in HOLES if hole.holds(source, draft, transport)), None)

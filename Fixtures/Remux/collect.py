#!/usr/bin/env python3
"""Packs captured objects into one file of Fixtures/Remux.

usage: collect.py CATALOG OUT [TRACK=FOLDER:FIRST_GROUP:GROUPS:OBJECTS]...

CATALOG is a catalog as it was received. FOLDER holds a track's objects as `g<group>_o<object>.bin` and
`objects.jsonl`, a line an object: {"group":, "object":, "props": {"0x10": 1, "0xd": "hex"}}. At most
OBJECTS objects of each of GROUPS groups are taken, beginning with FIRST_GROUP.
"""
import base64
import json
import pathlib
import sys


def main():
    catalog, out, *tracks = sys.argv[1:]
    packed = {"catalog": json.loads(pathlib.Path(catalog).read_text()), "tracks": {}}
    for argument in tracks:
        name, rest = argument.split("=", 1)
        folder, first, groups, objects = rest.rsplit(":", 3)
        folder = pathlib.Path(folder)
        lines = []
        for line in (folder / "objects.jsonl").read_text().splitlines():
            entry = json.loads(line)
            group, number = entry["group"], entry["object"]
            if not int(first) <= group < int(first) + int(groups) or number >= int(objects):
                continue
            payload = (folder / f"g{group}_o{number}.bin").read_bytes()
            lines.append({
                "group": group,
                "object": number,
                "properties": [
                    {"type": int(key, 16), "integer" if isinstance(value, int) else "bytes": value}
                    for key, value in (entry.get("props") or {}).items()
                ],
                "payload": base64.b64encode(payload).decode(),
            })
        packed["tracks"][name] = sorted(lines, key=lambda line: (line["group"], line["object"]))
    pathlib.Path(out).write_text(json.dumps(packed, indent=1) + "\n")


main()

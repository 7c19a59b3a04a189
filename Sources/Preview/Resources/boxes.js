// What the player must know of ISO base media: the clock of a header, the time of a fragment, and how
// long it lasts. ISO/IEC 14496-12.

/** Yields the boxes of a range as [type, start of the content, end]; ends at the first broken one. */
function* boxes(view, start, end) {
  while (end - start >= 8) {
    let size = view.getUint32(start);
    let header = 8;
    if (size === 1) {
      if (end - start < 16) return;
      size = Number(view.getBigUint64(start + 8));
      header = 16;
    } else if (size === 0) {
      size = end - start;
    }
    if (size < header || size > end - start) return;
    const type = String.fromCharCode(
      view.getUint8(start + 4), view.getUint8(start + 5), view.getUint8(start + 6),
      view.getUint8(start + 7));
    yield [type, start + header, start + size];
    start += size;
  }
}

/** The first box at a path of types, as [start of the content, end]; null when there is none. */
function find(view, range, [type, ...rest]) {
  for (const [found, start, end] of boxes(view, ...range)) {
    if (found === type) return rest.length === 0 ? [start, end] : find(view, [start, end], rest);
  }
  return null;
}

function dataView(bytes) {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Ticks a second of a header's first track (mdhd). */
export function readTimescale(bytes) {
  const view = dataView(bytes);
  const box = find(view, [0, view.byteLength], ["moov", "trak", "mdia", "mdhd"]);
  if (!box) throw new Error("the init segment has no mdhd");
  return view.getUint32(box[0] + (view.getUint8(box[0]) === 1 ? 20 : 12));
}

/** The duration that samples have when a fragment does not say (trex); 0 without. */
export function readDefaultDuration(bytes) {
  const view = dataView(bytes);
  const box = find(view, [0, view.byteLength], ["moov", "mvex", "trex"]);
  return box ? view.getUint32(box[0] + 12) : 0;
}

/** Decode time of a media segment's or part's first sample and the duration of all, in ticks. */
export function readTimes(bytes, defaultDuration) {
  const view = dataView(bytes);
  let start = null;
  let duration = 0;
  for (const [type, from, to] of boxes(view, 0, view.byteLength)) {
    if (type !== "moof") continue;
    const fragment = find(view, [from, to], ["traf"]);
    const time = fragment && find(view, fragment, ["tfdt"]);
    if (!time) throw new Error("a fragment has no tfdt");
    const isLong = view.getUint8(time[0]) === 1;
    start ??= isLong ? Number(view.getBigUint64(time[0] + 4)) : view.getUint32(time[0] + 4);
    duration += fragmentDuration(view, fragment, defaultDuration);
  }
  if (start === null) throw new Error("there is no fragment in the media");
  return { start, duration };
}

function fragmentDuration(view, fragment, defaultDuration) {
  let usual = defaultDuration;
  let duration = 0;
  for (const [type, start] of boxes(view, ...fragment)) {
    const flags = view.getUint32(start) & 0xffffff;
    if (type === "tfhd" && flags & 0x8) {
      usual = view.getUint32(start + 8 + (flags & 0x1 ? 8 : 0) + (flags & 0x2 ? 4 : 0));
    } else if (type === "trun") {
      const count = view.getUint32(start + 4);
      if (!(flags & 0x100)) {
        duration += count * usual;
        continue;
      }
      let entry = start + 8 + (flags & 0x1 ? 4 : 0) + (flags & 0x4 ? 4 : 0);
      const size = 4 * [0x100, 0x200, 0x400, 0x800].filter((flag) => flags & flag).length;
      for (let index = 0; index < count; index++, entry += size) duration += view.getUint32(entry);
    }
  }
  return duration;
}

// Reads HLS playlists: draft-pantos-hls-rfc8216bis. Only what the player and the checks look at.

/** Thrown when a delta update does not continue what is known: the whole playlist is needed. */
export class DeltaError extends Error {}

/** An attribute list as an object of texts, quotes removed. */
function attributes(text) {
  const result = {};
  for (const [, name, quoted, plain] of text.matchAll(/([A-Z0-9-]+)=(?:"([^"]*)"|([^,]*))/g)) {
    result[name] = quoted ?? plain;
  }
  return result;
}

/** Lines as [tag or "", value]; comments and blank lines left out. */
function* entries(text) {
  const lines = text.split(/\r?\n/);
  if (lines[0] !== "#EXTM3U") throw new Error("not a playlist: it does not begin with #EXTM3U");
  for (const line of lines.slice(1)) {
    if (line === "") continue;
    if (!line.startsWith("#")) yield ["", line];
    else if (line.startsWith("#EXT")) {
      const colon = line.indexOf(":");
      yield colon < 0 ? [line.slice(1), ""] : [line.slice(1, colon), line.slice(colon + 1)];
    }
  }
}

const audioCodec = /^(mp4a|ac-3|ec-3|opus|flac)/i;

/** Reads a multivariant playlist: `variants`, best first, and `audio` renditions. */
export function parseMultivariant(text, url) {
  const variants = [];
  const audio = [];
  let pending = null;
  for (const [tag, value] of entries(text)) {
    if (tag === "EXT-X-MEDIA") {
      const media = attributes(value);
      if (media.TYPE === "AUDIO" && media.URI) {
        audio.push({
          url: new URL(media.URI, url).href,
          group: media["GROUP-ID"],
          name: media.NAME,
          language: media.LANGUAGE ?? "",
          isDefault: media.DEFAULT === "YES",
        });
      }
    } else if (tag === "EXT-X-STREAM-INF") {
      pending = attributes(value);
    } else if (tag === "" && pending) {
      variants.push(variant(pending, new URL(value, url)));
      pending = null;
    }
  }
  variants.sort((left, right) => right.bandwidth - left.bandwidth);
  return { variants, audio };
}

function variant(values, url) {
  const codecs = (values.CODECS ?? "").split(",").map((codec) => codec.trim()).filter(Boolean);
  const [width, height] = (values.RESOLUTION ?? "0x0").split("x").map(Number);
  return {
    url: url.href,
    name: decodeURIComponent(url.pathname.split("/").at(-2) ?? ""),
    bandwidth: Number(values.BANDWIDTH ?? 0),
    videoCodecs: codecs.filter((codec) => !audioCodec.test(codec)).join(","),
    audioCodecs: codecs.filter((codec) => audioCodec.test(codec)).join(","),
    width,
    height,
    frameRate: Number(values["FRAME-RATE"] ?? 0),
    audioGroup: values.AUDIO ?? null,
  };
}

/**
 * Reads a media playlist. Times are seconds, `pdt` milliseconds since 1970. Segments are in order;
 * the last has no `url` while it grows. A delta update is completed from `previous`.
 */
export function parseMedia(text, url, previous = null) {
  const reader = new MediaReader(url, previous);
  for (const [tag, value] of entries(text)) reader.take(tag, value);
  return reader.finish();
}

class MediaReader {
  constructor(url, previous) {
    this.base = url;
    this.previous = previous;
    this.playlist = {
      targetDuration: 0, partTarget: 0, partHoldBack: 0, holdBack: 0, canSkipUntil: 0,
      canBlockReload: false, mediaSequence: 0, segments: [], hint: null, reports: [],
      hasEnded: false, skipped: 0, serverControl: "",
    };
    this.number = 0;
    this.discontinuity = 0;
    this.map = null;
    this.time = null;
    this.open = null;
  }

  take(tag, value) {
    const { playlist } = this;
    switch (tag) {
      case "EXT-X-TARGETDURATION": playlist.targetDuration = Number(value); break;
      case "EXT-X-PART-INF":
        playlist.partTarget = Number(attributes(value)["PART-TARGET"] ?? 0);
        break;
      case "EXT-X-SERVER-CONTROL": this.takeServerControl(value); break;
      case "EXT-X-MEDIA-SEQUENCE":
        playlist.mediaSequence = this.number = Number(value);
        break;
      case "EXT-X-DISCONTINUITY-SEQUENCE": this.discontinuity = Number(value); break;
      case "EXT-X-SKIP": this.skip(Number(attributes(value)["SKIPPED-SEGMENTS"])); break;
      case "EXT-X-DISCONTINUITY": this.discontinuity += 1; break;
      case "EXT-X-MAP": this.map = this.resolve(attributes(value).URI); break;
      case "EXT-X-PROGRAM-DATE-TIME": this.segment().pdt = this.time = Date.parse(value); break;
      case "EXT-X-GAP": this.segment().isGap = true; break;
      case "EXT-X-PART": this.takePart(attributes(value)); break;
      case "EXTINF": this.segment().duration = Number.parseFloat(value); break;
      case "": this.closeSegment(value); break;
      case "EXT-X-PRELOAD-HINT": {
        const hint = attributes(value);
        if (hint.TYPE === "PART") playlist.hint = this.resolve(hint.URI);
        break;
      }
      case "EXT-X-RENDITION-REPORT": playlist.reports.push(attributes(value)); break;
      case "EXT-X-ENDLIST": playlist.hasEnded = true; break;
    }
  }

  takeServerControl(value) {
    const control = attributes(value);
    Object.assign(this.playlist, {
      serverControl: value,
      canBlockReload: control["CAN-BLOCK-RELOAD"] === "YES",
      partHoldBack: Number(control["PART-HOLD-BACK"] ?? 0),
      holdBack: Number(control["HOLD-BACK"] ?? 0),
      canSkipUntil: Number(control["CAN-SKIP-UNTIL"] ?? 0),
    });
  }

  resolve(uri) { return new URL(uri, this.base).href; }

  /** Takes what a delta update leaves out from the playlist before. */
  skip(count) {
    const first = this.playlist.mediaSequence;
    const known = this.previous?.segments.filter(
      ({ number }) => number >= first && number < first + count) ?? [];
    if (known.length !== count) throw new DeltaError("the update skips what is not known");
    this.playlist.skipped = count;
    this.playlist.segments.push(...known);
    const last = known.at(-1);
    if (!last) return;
    this.number = last.number + 1;
    this.discontinuity = last.discontinuity;
    this.map = last.map;
    this.time = last.pdt === null ? null : last.pdt + last.duration * 1000;
  }

  segment() {
    this.open ??= { pdt: this.time, duration: 0, isGap: false, parts: [], url: null };
    return this.open;
  }

  takePart(values) {
    this.segment().parts.push({
      url: this.resolve(values.URI),
      duration: Number(values.DURATION),
      isIndependent: values.INDEPENDENT === "YES",
      isGap: values.GAP === "YES",
    });
  }

  closeSegment(uri) {
    const segment = this.add();
    segment.url = this.resolve(uri);
    this.time = segment.pdt === null ? null : segment.pdt + segment.duration * 1000;
  }

  add() {
    const segment = Object.assign(this.segment(), {
      number: this.number, discontinuity: this.discontinuity, map: this.map,
    });
    this.playlist.segments.push(segment);
    this.number += 1;
    this.open = null;
    return segment;
  }

  finish() {
    if (this.open?.parts.length) {
      const growing = this.add();
      growing.duration = sum(growing.parts);
    }
    return this.playlist;
  }
}

/** Seconds of parts together. */
export function sum(parts) { return parts.reduce((total, { duration }) => total + duration, 0); }

/** The end of what a playlist lists, as a time in milliseconds since 1970; null without times. */
export function edgeTime(playlist) {
  const last = playlist.segments.at(-1);
  return last && last.pdt !== null ? last.pdt + last.duration * 1000 : null;
}

/** What to ask a blocking reload for: the part after the newest, or its segment without parts. */
export function nextPosition(playlist) {
  const last = playlist.segments.at(-1);
  if (!last) return null;
  if (last.url !== null) return { number: last.number + 1, part: 0 };
  return { number: last.number, part: last.parts.length };
}

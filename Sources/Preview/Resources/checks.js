// What this page can see of conformance while it plays. Numbers and levels are those that
// `moq-egress check` uses; it looks at far more, this only at what comes by.

import { sum } from "./playlist.js";

// Text has five decimals or three; clocks and networks need some room.
const rounding = 0.0011;
const scheduling = 0.75;

const requirements = {
  "HLS-011": "Target duration stays the same",
  "HLS-012": "No segment is longer than the target duration",
  "HLS-014": "Media sequence never goes back",
  "HLS-019": "A listed segment never changes",
  "HLS-020": "What is listed can be loaded",
  "HLS-025": "Program date-time runs on without a jump",
  "HLS-026": "All renditions tell the same time",
  "HLS-027": "Date-time follows the clock",
  "HLS-040": "Part target stays the same, within the target duration",
  "HLS-041": "Server control is there, and alike everywhere",
  "HLS-043": "Part hold-back is at least three parts",
  "HLS-046": "No part is longer than the part target",
  "HLS-047": "Parts fill at least 85 % of the part target",
  "HLS-049": "Parts add up to their segment",
  "HLS-053": "A new part comes within a part target",
  "HLS-054": "The next part is hinted",
  "HLS-055": "The hinted part is the next one",
  "HLS-056": "Hinted parts are delivered, never refused",
  "HLS-059": "Every other playlist is reported on",
  "HLS-061": "A blocking reload has what it waited for",
  "HLS-074": "Delta updates continue what is known",
  "CMAF-005": "Decode times continue to the tick",
};

export class Checks {
  constructor() {
    this.list = Object.entries(requirements).map(([id, title]) => ({
      id, title, passes: 0, failures: 0, seen: "",
    }));
    this.byID = new Map(this.list.map((check) => [check.id, check]));
    this.restart();
  }

  /** A session has begun: what came before is not continued. */
  restart() {
    this.tracks = new Map();
    this.controls = new Map();
    this.mappings = new Map();
  }

  /** Counts an observation; the first failure is kept in words. */
  expect(id, holds, seen) {
    const check = this.byID.get(id);
    if (holds) check.passes += 1;
    else if (check.failures++ === 0) check.seen = seen();
  }

  state(track) {
    const key = `${track.kind} ${track.url}`;
    if (!this.tracks.has(key)) {
      this.tracks.set(key, {
        segments: new Map(), hints: new Set(), first: null, before: null, tick: null,
      });
    }
    return this.tracks.get(key);
  }

  tookPlaylist(track, playlist, answer) {
    const state = this.state(track);
    state.first ??= playlist;
    this.checkHead(track, playlist, state);
    this.checkSegments(playlist, state);
    this.checkParts(playlist);
    if (playlist.skipped > 0) this.expect("HLS-074", true);
    if (answer.previous?.segments.length > 0) this.checkNews(playlist, state, answer);
    else state.lastNews = null;
    if (!playlist.hasEnded && playlist.partTarget > 0) {
      this.expect("HLS-054", playlist.hint !== null, () => `${track.kind}: no hint`);
    }
    if (playlist.hint) state.hints.add(playlist.hint);
    for (const hint of state.hints) if (state.hints.size > 8) state.hints.delete(hint);
    state.last = playlist;
  }

  checkHead(track, playlist, { first, last }) {
    const { targetDuration, partTarget, partHoldBack, serverControl, mediaSequence } = playlist;
    this.expect("HLS-011", targetDuration >= 1 && targetDuration === first.targetDuration,
      () => `${first.targetDuration} became ${targetDuration}`);
    if (last) {
      this.expect("HLS-014", mediaSequence >= last.mediaSequence,
        () => `${last.mediaSequence} became ${mediaSequence}`);
    }
    if (partTarget === 0) return;
    this.expect("HLS-040", partTarget === first.partTarget && partTarget <= targetDuration,
      () => `${first.partTarget} became ${partTarget}`);
    this.controls.set(track.kind, serverControl);
    this.expect("HLS-041",
      playlist.canBlockReload && partHoldBack > 0
        && [...this.controls.values()].every((other) => other === serverControl),
      () => `${track.kind}: ${serverControl || "nothing"}`);
    this.expect("HLS-043", partHoldBack >= 3 * partTarget - rounding,
      () => `${partHoldBack} s for parts of ${partTarget} s`);
    this.expect("HLS-059", playlist.reports.length > 0 || this.controls.size < 2,
      () => `${track.kind}: no report`);
  }

  checkSegments(playlist, { segments }) {
    let previous = null;
    for (const segment of playlist.segments) {
      if (segment.url === null) break;
      this.expect("HLS-012", segment.duration < playlist.targetDuration + 0.5,
        () => `segment ${segment.number} has ${segment.duration} s`);
      if (previous && previous.discontinuity === segment.discontinuity && segment.pdt !== null) {
        const step = segment.pdt - previous.pdt - previous.duration * 1000;
        this.expect("HLS-025", Math.abs(step) <= 10,
          () => `segment ${segment.number} is ${step.toFixed(0)} ms off`);
      }
      previous = segment;
      const face = [segment.url, segment.duration, segment.discontinuity, segment.map, segment.pdt]
        .join(" ");
      const known = segments.get(segment.number);
      if (known) this.expect("HLS-019", known === face, () => `segment ${segment.number}`);
      else segments.set(segment.number, face);
    }
    for (const number of segments.keys()) {
      if (number >= playlist.mediaSequence) break;
      segments.delete(number);
    }
  }

  checkParts({ segments, partTarget }) {
    for (const { number, parts, url, duration, isGap } of segments.slice(-2)) {
      parts.forEach((part, index) => {
        this.expect("HLS-046", part.duration <= partTarget + rounding,
          () => `part ${index} of ${number} has ${part.duration} s of ${partTarget} s`);
        const next = parts[index + 1];
        if (!next || next.isGap || part.isGap || part.isIndependent) return;
        this.expect("HLS-047", part.duration >= 0.85 * partTarget - rounding,
          () => `part ${index} of ${number} has ${part.duration} s of ${partTarget} s`);
      });
      if (url === null || parts.length === 0 || isGap) continue;
      this.expect("HLS-049", Math.abs(sum(parts) - duration) <= 0.001 * parts.length,
        () => `segment ${number}: ${sum(parts)} s in parts, ${duration} s as a whole`);
    }
  }

  /** What a reload brought since the playlist before it. */
  checkNews(playlist, state, { asked, received, position, previous }) {
    if (position) {
      const last = playlist.segments.at(-1);
      // A part past the last of a segment is the first of the next.
      const hasCome = last && (last.number > position.number
        || last.number === position.number && (last.url !== null
          || last.parts.length > position.part));
      this.expect("HLS-061", hasCome || playlist.hasEnded,
        () => `part ${position.part} of ${position.number} was not in the answer`);
    }
    const known = new Set(previous.segments.flatMap(({ parts }) => parts.map(({ url }) => url)));
    const fresh = playlist.segments.slice(-2).flatMap(({ parts }) => parts)
      .find(({ url }) => !known.has(url));
    if (!fresh) return;
    if (previous.hint) {
      this.expect("HLS-055", fresh.url === previous.hint,
        () => `${path(previous.hint)} was hinted, ${path(fresh.url)} came`);
    }
    if (position && state.lastNews) {
      const waited = (received - state.lastNews) / 1000;
      this.expect("HLS-053", waited <= playlist.partTarget * (1 + scheduling),
        () => `${waited.toFixed(2)} s after the one before, asked ${
          ((received - asked) / 1000).toFixed(2)} s ahead`);
    }
    state.lastNews = received;
  }

  /** `age` is how long ago the newest listed picture was taken, `doubt` how exact clocks are. */
  tookEdgeAge(age, doubt, targetDuration) {
    this.expect("HLS-027", age >= -0.05 - doubt && age <= 3 * targetDuration,
      () => `the newest picture was taken ${age.toFixed(2)} s ago`);
  }

  tookBrokenDelta(track, error) {
    this.expect("HLS-074", false, () => `${track.kind}: ${error.message}`);
  }

  tookRefusedHint(track, url, status) {
    this.expect("HLS-056", false, () => `${status} for ${path(url)}`);
  }

  tookLoss(track, item, status) {
    this.expect("HLS-020", false, () => `${status} for ${path(item.url)}`);
  }

  tookMedia(track, item, { start, duration, timescale }) {
    const state = this.state(track);
    this.expect("HLS-020", true);
    if (state.hints.has(item.url)) this.expect("HLS-056", true);
    const { before } = state;
    // Whether a part is the last of its segment is known when the next one comes, if not before.
    const isNext = before && item.discontinuity === before.discontinuity
      && (item.number === before.number && item.part === before.part + 1
        || item.number === before.number + 1 && item.part === 0);
    if (isNext) {
      this.expect("CMAF-005", start === state.tick,
        () => `${track.kind}: ${start} follows ${state.tick}`);
    }
    state.tick = start + duration;
    state.before = item;
    this.checkMapping(track, item, start / timescale);
  }

  /** Media time and date-time must differ by the same amount in every rendition. */
  checkMapping(track, item, mediaStart) {
    if (item.pdt === null) return;
    const difference = item.pdt / 1000 - mediaStart;
    const known = this.mappings.get(item.discontinuity);
    if (known === undefined) {
      this.mappings.set(item.discontinuity, difference);
      return;
    }
    this.expect("HLS-026", Math.abs(difference - known) <= 0.01,
      () => `${track.kind} is ${((difference - known) * 1000).toFixed(0)} ms off`);
  }
}

function path(url) { return new URL(url).pathname.split("/").slice(-3).join("/"); }

/** Whether a check has passed, failed, or is waiting for something to look at. */
export function outcome({ passes, failures }) {
  return failures > 0 ? "fail" : passes > 0 ? "pass" : "waiting";
}

// One life of a MediaSource: from joining the broadcast until it ends or can't go on.

import { readDefaultDuration, readTimescale, readTimes } from "./boxes.js";
import { LiveEdge, Pace } from "./live.js";
import { edgeTime } from "./playlist.js";
import { Sink } from "./sink.js";
import { Track, joinPosition, listedItems, pause } from "./track.js";

/** The constructor of media sources; null where there is none. */
export const MediaSourceType = globalThis.ManagedMediaSource ?? globalThis.MediaSource ?? null;

// Where the picture begins: above 0, so that sound may begin a little earlier.
const origin = 10;
/** Milliseconds from which on an answer was held, not merely slow. */
const held = 40;
/** Seconds that finding the first picture takes, about. */
const usualLead = 0.4;
/** Seconds that the first picture may be late without being sought again. */
const slack = 0.1;
/** Seconds that are kept behind the picture. */
const kept = 15;

/** Whether the browser plays a variant from parts. */
export function isPlayable({ videoCodecs, audioCodecs }) {
  if (!MediaSourceType) return false;
  return (!videoCodecs || MediaSourceType.isTypeSupported(`video/mp4; codecs="${videoCodecs}"`))
    && (!audioCodecs || MediaSourceType.isTypeSupported(`audio/mp4; codecs="${audioCodecs}"`));
}

export class Session {
  /** `player` is told of everything that people may want to see. */
  constructor(player, variant, audio) {
    Object.assign(this, { player, variant, audio });
    this.video = player.video;
    this.controller = new AbortController();
    this.signal = this.controller.signal;
    this.edge = new LiveEdge();
    this.pace = new Pace();
    this.sinks = new Map();
    this.offsets = new Map();
    this.ends = new Map();
    this.anchors = [];
    this.hasStarted = false;
    /** Whether a reload has been waited for: what comes now is new. */
    this.isLive = false;
    this.partsLoaded = 0;
    /** How many parts to load at most before the picture begins. */
    this.patience = 0;
    this.hasEnded = false;
    this.joined = Promise.withResolvers();
    this.joined.promise.catch(() => {});
    this.holdBack = 0;
    this.partTarget = 1;
  }

  /** Plays until the end of the broadcast; throws when the session can't go on. */
  async run() {
    const tracks = this.tracks(true);
    await this.open();
    try {
      await Promise.all(tracks.map((track) => track.run()));
      await this.finish();
    } finally {
      this.controller.abort();
    }
  }

  /** Plays what is left of a broadcast that has ended. */
  async finish() {
    this.source.endOfStream();
    this.hasEnded = true;
    this.video.playbackRate = 1;
    if (!this.hasStarted) {
      this.hasStarted = true;
      this.seek(origin);
      this.player.began();
    }
    await new Promise((resolve, reject) => {
      this.video.addEventListener("ended", resolve, { once: true });
      this.signal.addEventListener("abort", () => reject(this.signal.reason), { once: true });
    });
  }

  /** Follows the playlists of what the browser plays by itself. */
  async observe() {
    try {
      await Promise.all(this.tracks(false).map((track) => track.run()));
    } finally {
      this.controller.abort();
    }
  }

  stop() { this.controller.abort(); }

  tracks(loadsMedia) {
    const tracks = [new Track(this, this.mainKind, this.variant.url, { loadsMedia })];
    if (this.audio) tracks.push(new Track(this, "sound", this.audio.url, { loadsMedia }));
    return tracks;
  }

  get mainKind() { return this.variant.videoCodecs ? "video" : "audio"; }

  async open() {
    this.source = new MediaSourceType();
    // Managed sources ask for this: they can't be sent to another screen.
    this.video.disableRemotePlayback = true;
    this.video.src = URL.createObjectURL(this.source);
    await new Promise((resolve) => {
      this.source.addEventListener("sourceopen", resolve, { once: true });
    });
    URL.revokeObjectURL(this.video.src);
    this.signal.throwIfAborted();
    const { videoCodecs, audioCodecs } = this.variant;
    const codecs = this.audio ? videoCodecs : [videoCodecs, audioCodecs].filter(Boolean).join(",");
    this.addSink(this.mainKind, `${this.mainKind}/mp4; codecs="${codecs}"`);
    if (this.audio) this.addSink("sound", `audio/mp4; codecs="${audioCodecs}"`);
  }

  addSink(kind, type) {
    this.sinks.set(kind, new Sink(this.source.addSourceBuffer(type), this.video));
  }

  // What tracks tell.

  /** Where a track begins: the main one by its distance from the edge, the others where it does. */
  async joinPosition(track, playlist) {
    if (track.kind === this.mainKind) {
      const { canBlockReload, partHoldBack, holdBack, targetDuration } = playlist;
      const isLow = canBlockReload && partHoldBack > 0;
      this.holdBack = isLow ? partHoldBack : holdBack || 3 * targetDuration;
      this.partTarget = playlist.partTarget || targetDuration;
      const item = joinPosition(playlist, this.holdBack);
      const items = listedItems(playlist);
      const backlog = items.length - items.findIndex(({ url }) => url === item.url);
      this.patience = backlog + (isLow ? 4 : 0);
      this.joined.resolve(item);
      return item;
    }
    const main = await this.joined.promise;
    const items = listedItems(playlist);
    const sameTime = main.pdt === null
      ? items.find(({ number }) => number >= main.number)
      : items.findLast(({ pdt }) => pdt !== null && pdt <= main.pdt + 1);
    return sameTime ?? items[0];
  }

  wantedURL(track) {
    if (track.kind !== this.mainKind) return track.url;
    this.variant = this.player.wantedVariant(this.variant);
    return this.variant.url;
  }

  tookPlaylist(track, playlist, answer) {
    if (track.kind === this.mainKind) {
      this.isLive ||= answer.position !== null && answer.received - answer.asked > held;
      this.player.figures.tookEdge(edgeTime(playlist), answer.received, playlist.targetDuration);
    }
    this.player.recovered();
    this.player.checks.tookPlaylist(track, playlist, answer);
  }

  tookBrokenDelta(track, error) { this.player.checks.tookBrokenDelta(track, error); }
  tookRefusedHint(track, url, status) { this.player.checks.tookRefusedHint(track, url, status); }
  tookFailure(track, error) { this.player.failing(track, error); }

  tookGap(track, item) { this.player.figures.note(`${track.kind}: segment ${item.number} has a gap`); }

  tookLoss(track, item, status) {
    this.player.checks.tookLoss(track, item, status);
    this.player.figures.note(`${track.kind}: ${status} for a part of segment ${item.number}`);
  }

  /** Appends media of an item. */
  async tookMedia(track, item, init, { bytes, arrived }) {
    const sink = this.sinks.get(track.kind);
    init.timescale ??= readTimescale(init.bytes);
    init.defaultDuration ??= readDefaultDuration(init.bytes);
    const { start, duration } = readTimes(bytes, init.defaultDuration);
    const mediaStart = start / init.timescale;
    const offset = this.offset(track, item.discontinuity, mediaStart);
    const begin = mediaStart + offset;
    const end = begin + duration / init.timescale;
    const isMain = track.kind === this.mainKind;
    if (track.shownInit !== init || track.discontinuity !== item.discontinuity) {
      if (isMain) this.player.figures.tookRendition(this.player.variantAt(track.url), begin);
      await sink.append(init.bytes, offset);
    }
    Object.assign(track, { shownInit: init, discontinuity: item.discontinuity });
    if (isMain) {
      if (item.pdt !== null) this.addAnchor(begin, item.pdt / 1000);
      this.edge.note(end, arrived / 1000);
    }
    if (isMain && this.hasStarted) this.player.figures.tookLeast(this.ahead(), arrived);
    await sink.append(bytes, offset);
    this.ends.set(track.kind, end);
    this.player.checks.tookMedia(track, item, { start, duration, timescale: init.timescale });
    // What was there before the picture began tells nothing of delay.
    if (this.hasStarted) this.player.figures.tookPart(track.kind, item, arrived);
    await sink.trim(kept);
    if (isMain) this.begin();
  }

  /** Moves the media of a timeline so that it continues what is there; the first one to `origin`. */
  offset(track, discontinuity, mediaStart) {
    if (!this.offsets.has(discontinuity)) {
      this.offsets.set(discontinuity, (this.ends.get(track.kind) ?? origin) - mediaStart);
    }
    return this.offsets.get(discontinuity);
  }

  addAnchor(start, time) {
    this.anchors.push({ start, time });
    if (this.anchors.length > 400) this.anchors.shift();
  }

  /** When the picture at a media time was taken: seconds since 1970; null when nobody says. */
  captureTime(mediaTime) {
    const anchor = this.anchors.findLast(({ start }) => start <= mediaTime + 0.001);
    return anchor ? anchor.time + mediaTime - anchor.start : null;
  }

  // The picture's place.

  /** Where the picture should be now; null before that is known. */
  target(now) {
    const edge = this.edge.at(now);
    return edge === null ? null : edge - this.holdBack;
  }

  /**
   * Starts to play once a part has come that was waited for: until then the edge is not known to
   * better than a part. A server that holds nothing is not waited for long.
   */
  begin() {
    if (this.hasStarted) return;
    this.partsLoaded += 1;
    if (!this.isLive && this.partsLoaded < this.patience) return;
    if (!this.holds(Math.max(this.target(performance.now() / 1000), origin))) return;
    this.hasStarted = true;
    this.start();
  }

  /**
   * Finding the first picture takes time, in which the edge goes on: it is sought a little ahead and
   * begins to move when its time has come. A slow machine shows at once how far ahead that has to be.
   */
  async start() {
    const { video } = this;
    const now = () => performance.now() / 1000;
    let lead = usualLead;
    let place = -Infinity;
    for (let attempt = 0; attempt < 3 && this.target(now()) - place > slack; attempt++) {
      const target = Math.max(this.target(now()), origin);
      const last = video.buffered.end(video.buffered.length - 1);
      place = Math.min(target + lead, (target + last) / 2);
      const sought = new Promise((resolve) => {
        video.addEventListener("seeked", resolve, { once: true });
      });
      const began = now();
      this.seek(place);
      await sought;
      lead = Math.max(lead, now() - began + usualLead);
    }
    while (!this.signal.aborted && this.target(now()) < place) {
      // Animation frames do not come to a page in the background.
      await pause(0.01, this.signal).catch(() => {});
    }
    if (!this.signal.aborted) this.player.began();
  }

  holds(time) {
    const { buffered } = this.video;
    for (let index = 0; index < buffered.length; index++) {
      if (buffered.start(index) <= time && time < buffered.end(index)) return true;
    }
    return false;
  }

  /** Seconds of media after the picture, up to the first hole. */
  ahead() {
    const { buffered, currentTime } = this.video;
    for (let index = 0; index < buffered.length; index++) {
      if (buffered.start(index) <= currentTime + 0.05 && currentTime < buffered.end(index)) {
        return buffered.end(index) - currentTime;
      }
    }
    return 0;
  }

  seek(time) {
    this.video.currentTime = time;
    this.player.figures.sought();
  }

  /** Holds the distance to the edge; called several times a second. */
  steer(now) {
    const target = this.target(now);
    if (target === null || this.hasEnded) return;
    const behind = target - this.video.currentTime;
    const ahead = this.ahead();
    if (ahead === 0 && this.jumpHole()) return;
    if (ahead < this.partTarget / 2) this.player.isLate = true;
    if (behind > Math.max(2, this.holdBack) && this.holds(target)) {
      this.player.figures.note(`${behind.toFixed(1)} s behind: seeks to the live edge`);
      this.seek(target);
      return;
    }
    const rate = this.pace.rate(behind, ahead, this.partTarget);
    if (this.video.playbackRate !== rate) this.video.playbackRate = rate;
  }

  /** Passes over a hole that the picture stands at; true when there was one. */
  jumpHole() {
    const { buffered, currentTime, readyState } = this.video;
    if (readyState > HTMLMediaElement.HAVE_CURRENT_DATA || this.video.seeking) return false;
    for (let index = 0; index < buffered.length; index++) {
      const start = buffered.start(index);
      if (start <= currentTime) continue;
      this.player.figures.note(`passes over ${(start - currentTime).toFixed(2)} s without media`);
      this.seek(start + 0.01);
      return true;
    }
    return false;
  }
}

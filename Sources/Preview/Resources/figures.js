// What there is to know of a player at any moment: for people, charts and tests.

import { outcome } from "./checks.js";
import { Samples } from "./chart.js";
import { LatencyRecord } from "./live.js";

const logLength = 100;

export class Figures {
  constructor(player) {
    this.player = player;
    this.video = player.video;
    this.clock = player.clock;
    /** From capture to screen, of the newest frame; null while nobody knows. */
    this.latency = null;
    this.latencies = new LatencyRecord();
    this.stalls = { count: 0, seconds: 0, since: null };
    this.switches = [];
    this.log = [];
    this.series = {
      latency: new Samples(), holdBack: new Samples(), leastBuffer: new Samples(),
      videoParts: new Samples(), soundParts: new Samples(), edgeAge: new Samples(),
    };
    this.newestTime = null;
    this.baseline = { decoded: 0, dropped: 0 };
    this.soughtAt = 0;
    this.sampledAt = 0;
    this.frameAt = -Infinity;
    this.watch();
  }

  // What the session tells.

  note(text) {
    this.log.push({ time: new Date(), text });
    if (this.log.length > logLength) this.log.shift();
  }

  /** A session begins, and media time with it. */
  joins() {
    this.latency = null;
    for (const change of this.switches) change.mediaTime = -Infinity;
  }

  /** The picture has begun to move. */
  began() {
    this.latencies.clear();
    this.endStall();
    this.baseline = this.quality();
  }

  sought() { this.soughtAt = performance.now(); }

  /** A playlist lists media up to a time, in milliseconds since 1970. */
  tookEdge(time, received, targetDuration) {
    if (time === null) return;
    // Before and after each playlist: the teeth of the saw are true.
    if (this.newestTime !== null) this.sampleEdge(received - 1);
    this.newestTime = time / 1000;
    this.sampleEdge(received);
    if (this.clock.uncertainty === null) return;
    this.player.checks.tookEdgeAge(
      this.edgeAge(received), this.clock.uncertainty, targetDuration);
  }

  sampleEdge(moment) { this.series.edgeAge.add(moment / 1000, Math.max(0, this.edgeAge(moment))); }

  /** The buffer is at its least just before a part is added. */
  tookLeast(ahead, moment) { this.series.leastBuffer.add(moment / 1000, ahead); }

  tookPart(kind, item, arrived) {
    if (item.pdt === null || item.isWhole) return;
    const delay = this.clock.at(arrived) - item.pdt / 1000 - item.duration;
    const series = kind === "sound" ? this.series.soundParts : this.series.videoParts;
    series.add(arrived / 1000, Math.max(0, delay));
  }

  /** Media of a variant begins at a media time. */
  tookRendition(variant, mediaTime) {
    const last = this.switches.at(-1);
    if (!variant || last?.name === variant.name) return;
    this.switches.push({ name: variant.name, mediaTime });
    this.note(last ? `switches from ${last.name} to ${variant.name}` : `begins with ${variant.name}`);
  }

  // What the picture tells.

  watch() {
    const { video } = this;
    const isLive = () => this.player.state === "playing" && !video.seeking && !video.ended
      && performance.now() - this.soughtAt > 500;
    video.addEventListener("waiting", () => {
      if (!isLive() || this.stalls.since !== null) return;
      this.stalls.count += 1;
      this.stalls.since = performance.now();
      this.player.isLate = true;
      this.note("the picture stands still");
    });
    const goesOn = () => {
      if (video.readyState > HTMLMediaElement.HAVE_CURRENT_DATA) this.endStall();
    };
    video.addEventListener("playing", goesOn);
    video.addEventListener("timeupdate", goesOn);
    if (video.requestVideoFrameCallback) this.watchFrames();
  }

  endStall() {
    if (this.stalls.since === null) return;
    this.stalls.seconds += (performance.now() - this.stalls.since) / 1000;
    this.stalls.since = null;
  }

  watchFrames() {
    this.video.requestVideoFrameCallback((_, { mediaTime, expectedDisplayTime }) => {
      if (this.player.state === "playing") this.tookFrame(mediaTime, expectedDisplayTime);
      this.watchFrames();
    });
  }

  tookFrame(mediaTime, shown) {
    this.frameAt = performance.now();
    this.latency = this.latencyOf(mediaTime, shown);
    if (this.latency !== null) this.latencies.add(this.latency);
  }

  /** Seconds from taking a picture to showing it; null when nobody knows when it was taken. */
  latencyOf(mediaTime, shown) {
    let taken = this.player.session?.captureTime(mediaTime) ?? null;
    if (this.player.engine === "native") {
      const start = this.video.getStartDate?.().getTime();
      taken = Number.isFinite(start) ? start / 1000 + mediaTime : null;
    }
    return taken === null ? null : this.clock.at(shown) - taken;
  }

  /** Called several times a second while the picture moves. */
  tick(now) {
    const { session } = this.player;
    // Sound has no frames, and not every browser tells of them.
    if (now - this.frameAt > 1000) {
      this.latency = this.latencyOf(this.video.currentTime, now);
      if (this.latency !== null) this.latencies.add(this.latency);
    }
    if (now - this.sampledAt < 240 || this.latency === null) return;
    this.sampledAt = now;
    this.series.latency.add(now / 1000, this.latency);
    this.series.holdBack.add(now / 1000, session.holdBack);
  }

  // Asked for.

  /** How long ago the newest listed picture was taken; null before anything is listed. */
  edgeAge(now = performance.now()) {
    return this.newestTime === null ? null : this.clock.at(now) - this.newestTime;
  }

  /** Seconds of media that are there to be played. */
  get buffer() { return this.player.session?.ahead() ?? 0; }

  /** Frames decoded and dropped since the element has its source. */
  quality() {
    const quality = this.video.getVideoPlaybackQuality?.();
    return { decoded: quality?.totalVideoFrames ?? 0, dropped: quality?.droppedVideoFrames ?? 0 };
  }

  /** Frames decoded and dropped since the picture began. */
  get frames() {
    const { decoded, dropped } = this.quality();
    return {
      decoded: decoded - this.baseline.decoded, dropped: dropped - this.baseline.dropped,
    };
  }

  /** The rendition that is shown, which is not yet that which is loaded. */
  get shown() {
    const { engine, variants } = this.player;
    if (engine === "native") {
      return variants.find(({ height }) => height === this.video.videoHeight) ?? null;
    }
    const now = this.video.currentTime + 0.01;
    const shown = this.switches.findLast(({ mediaTime }) => mediaTime <= now);
    return variants.find(({ name }) => name === (shown ?? this.switches.at(-1))?.name) ?? null;
  }

  /** All figures at this moment, as plain values. */
  measurements() {
    const { player, video } = this;
    return {
      state: player.status, problem: player.problem, engine: player.engine,
      time: video.currentTime, rate: video.playbackRate,
      latency: this.latency, latencies: this.latencies.summary(),
      holdBack: player.session?.holdBack ?? null, partTarget: player.session?.partTarget ?? null,
      buffer: this.buffer, edgeAge: this.edgeAge(),
      stalls: { count: this.stalls.count, seconds: this.stalls.seconds },
      frames: this.frames, rendition: this.shown?.name ?? null,
      switches: this.switches.map(({ name }) => name),
      throughput: player.throughput.bitsPerSecond,
      clock: { offset: this.clock.offset, uncertainty: this.clock.uncertainty },
      checks: player.checks.list.map((check) => ({ ...check, outcome: outcome(check) })),
      log: this.log.map(({ text }) => text),
    };
  }
}

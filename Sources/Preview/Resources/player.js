// The player: keeps a session running, and what people and tests want to know of it.

import { Checks, outcome } from "./checks.js";
import { Samples } from "./chart.js";
import { Clock, LatencyRecord, Throughput } from "./live.js";
import { parseMultivariant } from "./playlist.js";
import { MediaSourceType, Session, isPlayable } from "./session.js";
import { FellBehind, HTTPError, pause } from "./track.js";

const nativeType = "application/vnd.apple.mpegurl";
const logLength = 100;

export class Player {
  /** `url` is the multivariant playlist; `engine` is "parts" or "native", null picks. */
  constructor(video, url, { engine = null } = {}) {
    Object.assign(this, { video, url });
    this.hasNative = video.canPlayType(nativeType) !== "";
    this.hasParts = MediaSourceType !== null;
    this.engine = engine ?? (this.hasParts || !this.hasNative ? "parts" : "native");
    this.clock = new Clock();
    this.checks = new Checks();
    this.throughput = new Throughput();
    this.latencies = new LatencyRecord();
    this.variants = [];
    this.audios = [];
    /** A variant's name that a person picked; null leaves it to the player. */
    this.manual = null;
    this.audioName = null;
    this.state = "starting";
    this.problem = "";
    this.stalls = { count: 0, seconds: 0, since: null };
    this.switches = [];
    this.log = [];
    this.series = {
      latency: new Samples(), target: new Samples(), buffer: new Samples(),
      videoParts: new Samples(), soundParts: new Samples(), edgeAge: new Samples(),
    };
    this.newestTime = null;
    this.latency = null;
    this.session = null;
    this.wanted = new AbortController();
    this.throughput.watch();
    this.watch();
  }

  // Commands.

  /** Plays for ever: joins, and joins again when a session ends otherwise than by the broadcast's end. */
  async run() {
    let failures = 0;
    this.clock.synchronize(new URL("/time", this.url));
    for (;;) {
      this.wanted = new AbortController();
      try {
        const hasEnded = await this.playOnce();
        failures = 0;
        if (hasEnded) this.setState("ended");
        await this.untilRestart();
      } catch (error) {
        if (this.wanted.signal.aborted) continue;
        if (this.state === "paused") {
          await this.untilRestart();
          continue;
        }
        failures = this.session?.hasStarted ? 0 : failures + 1;
        this.fail(error);
        await pause(Math.min(5, 0.5 * 2 ** failures), this.wanted.signal).catch(() => {});
      } finally {
        this.session?.stop();
      }
    }
  }

  /** Joins anew at the live edge. */
  restart(reason) {
    this.note(reason);
    this.wanted.abort(new Error(reason));
    this.session?.stop();
  }

  setPlaying(isPlaying) {
    if (isPlaying) {
      this.setState("starting");
      this.restart("joins the live edge");
      return;
    }
    this.setState("paused");
    this.video.pause();
    this.session?.stop();
  }

  setEngine(engine) {
    if (engine === this.engine) return;
    this.engine = engine;
    this.restart(engine === "native" ? "plays by the browser's own HLS" : "plays parts itself");
  }

  setVariant(name) {
    this.manual = name;
    if (this.engine === "parts") this.note(name ? `shall play ${name}` : "picks renditions itself");
  }

  setAudio(name) {
    this.audioName = name;
    this.restart(`plays the sound ${name}`);
  }

  // One session.

  async playOnce() {
    this.setState("starting");
    const response = await fetch(this.url, { signal: this.wanted.signal });
    if (!response.ok) throw new HTTPError(this.url, response.status);
    const { variants, audio } = parseMultivariant(await response.text(), this.url);
    if (this.engine === "parts") this.variants = variants.filter(isPlayable);
    else this.variants = variants;
    if (this.variants.length === 0) {
      if (variants.length > 0 && this.engine === "parts" && this.hasNative) {
        this.engine = "native";
        this.variants = variants;
      } else {
        const codecs = variants.map(({ videoCodecs, audioCodecs }) =>
          [videoCodecs, audioCodecs].filter(Boolean).join(" with "));
        throw new Error(variants.length > 0
          ? `this browser plays none of ${codecs.join(", ")}` : "nothing is listed yet");
      }
    }
    const variant = this.wantedVariant(this.session?.variant ?? null);
    this.audios = audio.filter(({ group }) => group === variant.audioGroup);
    const sound = this.audios.find(({ name }) => name === this.audioName)
      ?? this.audios.find(({ isDefault }) => isDefault) ?? this.audios[0] ?? null;
    this.checks.restart();
    this.latency = null;
    this.session = new Session(this, variant, sound);
    if (this.engine === "parts") {
      await this.session.run();
      return true;
    }
    return this.playNatively();
  }

  /** The browser's own HLS; the playlists are followed beside it, for the charts and checks. */
  async playNatively() {
    this.video.src = this.url;
    this.video.play().catch((error) => this.note(error.message));
    const failed = new Promise((_, reject) => {
      this.video.addEventListener("error", () => {
        if (this.engine !== "native") return;
        reject(new Error(this.video.error?.message || "the browser can't play this"));
      }, { once: true, signal: this.session.signal });
    });
    await Promise.race([this.session.observe(), failed]);
    return true;
  }

  /** Waits until somebody wants to play again. */
  untilRestart() {
    return new Promise((resolve) => {
      const { signal } = this.wanted;
      if (signal.aborted) resolve();
      signal.addEventListener("abort", resolve, { once: true });
    });
  }

  // What the session asks and tells.

  variantAt(url) { return this.variants.find((variant) => variant.url === url); }

  wantedVariant(current) {
    const manual = this.variants.find(({ name }) => name === this.manual);
    if (manual) return manual;
    const now = performance.now() / 1000;
    const known = current && this.variants.find(({ url }) => url === current.url);
    const isLate = this.isLate;
    this.isLate = false;
    // With a network that is many times as fast it was the broadcast that stood still.
    if (known && isLate && this.throughput.bitsPerSecond < 8 * known.bandwidth) {
      this.throughput.noteLate(now);
      return this.throughput.stepDown(this.variants, known);
    }
    return this.throughput.choose(this.variants, known, now);
  }

  tookEdge(time, received, targetDuration) {
    if (time === null) return;
    if (this.newestTime !== null) this.sampleEdge(received - 1);
    this.newestTime = time / 1000;
    this.sampleEdge(received);
    if (this.clock.uncertainty === null) return;
    const age = this.clock.at(received) - this.newestTime;
    this.checks.tookEdgeAge(age, this.clock.uncertainty, targetDuration);
  }

  /** Before and after each playlist: the teeth of the saw are true. */
  sampleEdge(moment) { this.series.edgeAge.add(moment / 1000, Math.max(0, this.edgeAge(moment))); }

  /** The buffer is at its least just before a part is added. */
  tookLeast(ahead, moment) { this.series.buffer.add(moment / 1000, ahead); }

  tookRendition(variant, begin) {
    const last = this.switches.at(-1);
    if (!variant || last?.name === variant.name) return;
    this.switches.push({ time: new Date(), name: variant.name, mediaTime: begin });
    this.note(last ? `switches from ${last.name} to ${variant.name}` : `begins with ${variant.name}`);
  }

  tookPart(kind, item, arrived) {
    if (item.pdt === null || item.isWhole) return;
    const delay = this.clock.at(arrived) - item.pdt / 1000 - item.duration;
    const series = kind === "sound" ? this.series.soundParts : this.series.videoParts;
    // What was there before the session joined tells nothing of delay.
    if (this.session.hasStarted) series.add(arrived / 1000, Math.max(0, delay));
  }

  began() {
    this.latencies.clear();
    this.endStall();
    this.baseline = this.quality();
    this.setState("playing");
    this.video.play().catch((error) => this.note(error.message));
  }

  sought() { this.soughtAt = performance.now(); }

  failing(track, error) {
    if (track.failures < 2) return;
    this.problem = error.message;
    if (this.state === "playing") this.note(`${track.kind}: ${error.message}`);
  }

  recovered() { this.problem = ""; }

  fail(error) {
    if (error instanceof FellBehind) {
      this.note(`${error.message}: joins the live edge`);
      this.setState("starting");
      return;
    }
    const isAbsent = error instanceof HTTPError && [404, 503].includes(error.status);
    this.setState(isAbsent ? "waiting" : "failed");
    this.problem = isAbsent ? "The broadcast is not there; looks again." : `${error.message}; tries again.`;
    this.note(error.message);
  }

  note(text) {
    this.log.push({ time: new Date(), text });
    if (this.log.length > logLength) this.log.shift();
  }

  setState(state) {
    this.state = state;
    if (state !== "failed" && state !== "waiting") this.problem = "";
  }

  // What the picture tells.

  watch() {
    const { video } = this;
    const isLive = () => this.state === "playing" && !video.seeking && !video.ended
      && performance.now() - (this.soughtAt ?? 0) > 500;
    video.addEventListener("waiting", () => {
      if (!isLive() || this.stalls.since !== null) return;
      this.stalls.count += 1;
      this.stalls.since = performance.now();
      this.isLate = true;
      this.note("the picture stands still");
    });
    const goesOn = () => {
      if (this.engine === "native" && this.state === "starting" && !video.paused) this.began();
      if (this.stalls.since === null || video.readyState <= HTMLMediaElement.HAVE_CURRENT_DATA) return;
      this.endStall();
    };
    video.addEventListener("playing", goesOn);
    video.addEventListener("timeupdate", goesOn);
    video.addEventListener("error", () => {
      if (this.engine === "parts" && video.error && video.getAttribute("src")) {
        this.session?.controller.abort(new Error(video.error.message || "the media can't be decoded"));
      }
    });
    if (video.requestVideoFrameCallback) this.watchFrames();
    setInterval(() => this.tick(), 100);
  }

  endStall() {
    if (this.stalls.since === null) return;
    this.stalls.seconds += (performance.now() - this.stalls.since) / 1000;
    this.stalls.since = null;
  }

  watchFrames() {
    this.video.requestVideoFrameCallback((now, { mediaTime, expectedDisplayTime }) => {
      this.frame = { mediaTime, shown: expectedDisplayTime };
      if (this.state === "playing") {
        this.latency = this.latencyOf(mediaTime, expectedDisplayTime);
        if (this.latency !== null) this.latencies.add(this.latency);
      }
      this.watchFrames();
    });
  }

  /** Seconds from taking a picture to showing it; null when nobody knows when it was taken. */
  latencyOf(mediaTime, shown) {
    let taken = this.session?.captureTime(mediaTime) ?? null;
    if (this.engine === "native") {
      const start = this.video.getStartDate?.().getTime();
      taken = Number.isFinite(start) ? start / 1000 + mediaTime : null;
    }
    return taken === null ? null : this.clock.at(shown) - taken;
  }

  tick() {
    const now = performance.now();
    if (this.state !== "playing") return;
    if (this.engine === "parts") this.session.steer(now / 1000);
    if (!this.video.requestVideoFrameCallback || this.session.mainKind === "audio") {
      this.latency = this.latencyOf(this.video.currentTime, now);
      if (this.latency !== null) this.latencies.add(this.latency);
    }
    if (now - (this.sampled ?? 0) < 240) return;
    this.sampled = now;
    this.sample(now / 1000);
  }

  sample(seconds) {
    const { series } = this;
    if (this.latency !== null) {
      series.latency.add(seconds, this.latency);
      series.target.add(seconds, this.session.holdBack);
    }
  }

  /** How long ago the newest listed picture was taken. */
  edgeAge(now = performance.now()) {
    return this.newestTime === null ? null : this.clock.at(now) - this.newestTime;
  }

  /** Seconds of media that are there to be played. */
  get buffer() { return this.session ? this.session.ahead() : 0; }

  /** Frames decoded and dropped since the element has a source. */
  quality() {
    const quality = this.video.getVideoPlaybackQuality?.();
    return { decoded: quality?.totalVideoFrames ?? 0, dropped: quality?.droppedVideoFrames ?? 0 };
  }

  /** Frames decoded and dropped since the picture began. */
  get frames() {
    const { decoded, dropped } = this.quality();
    return {
      decoded: decoded - (this.baseline?.decoded ?? 0),
      dropped: dropped - (this.baseline?.dropped ?? 0),
    };
  }

  /** The rendition that is shown, which is not yet that which is loaded. */
  get shown() {
    if (this.engine === "native") {
      return this.variants.find(({ height }) => height === this.video.videoHeight) ?? null;
    }
    const shown = this.switches.findLast(({ mediaTime }) => mediaTime <= this.video.currentTime + 0.01);
    return this.variants.find(({ name }) => name === (shown ?? this.switches.at(-1))?.name) ?? null;
  }

  /** The state, with the difference that people see: whether the picture stands still. */
  get status() {
    return this.state === "playing" && this.stalls.since !== null ? "stalled" : this.state;
  }

  /** All figures at this moment, as plain values: what tests read. */
  measurements() {
    return {
      state: this.status, problem: this.problem, engine: this.engine,
      time: this.video.currentTime, rate: this.video.playbackRate,
      latency: this.latency, latencies: this.latencies.summary(),
      holdBack: this.session?.holdBack ?? null, partTarget: this.session?.partTarget ?? null,
      buffer: this.buffer, edgeAge: this.edgeAge(),
      stalls: { count: this.stalls.count, seconds: this.stalls.seconds },
      frames: this.frames, rendition: this.shown?.name ?? null,
      switches: this.switches.map(({ name }) => name),
      throughput: this.throughput.bitsPerSecond,
      clock: { offset: this.clock.offset, uncertainty: this.clock.uncertainty },
      checks: this.checks.list.map((check) => ({ ...check, outcome: outcome(check) })),
      log: this.log.map(({ text }) => text),
    };
  }
}

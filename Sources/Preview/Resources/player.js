// The player: keeps a session running and takes commands.

import { Checks } from "./checks.js";
import { Figures } from "./figures.js";
import { Clock, Throughput } from "./live.js";
import { parseMultivariant } from "./playlist.js";
import { MediaSourceType, Session, isPlayable } from "./session.js";
import { FellBehind, HTTPError, pause } from "./track.js";

const nativeType = "application/vnd.apple.mpegurl";

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
    this.variants = [];
    this.audios = [];
    /** A variant's name that a person picked; null leaves it to the player. */
    this.manual = null;
    this.audioName = null;
    this.state = "starting";
    this.problem = "";
    /** Whether media came so late that the picture stood still, or nearly. */
    this.isLate = false;
    this.session = null;
    this.wanted = new AbortController();
    this.throughput.watch();
    this.figures = new Figures(this);
    this.watch();
  }

  // Commands.

  /** Joins, and joins again when a session ends otherwise than by the broadcast's end. */
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
    this.figures.joins();
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
    this.play();
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

  began() {
    this.figures.began();
    this.setState("playing");
    this.play();
  }

  /** Some browsers want to be asked by a person, even without sound. */
  async play() {
    try {
      await this.video.play();
    } catch (error) {
      if (error.name !== "NotAllowedError") return;
      this.note("the browser waits for Play to be pressed");
      this.setPlaying(false);
    }
  }

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
    this.problem = isAbsent
      ? "The broadcast is not there; looks again." : `${error.message}; tries again.`;
    this.note(error.message);
  }

  note(text) { this.figures.note(text); }

  setState(state) {
    this.state = state;
    if (state !== "failed" && state !== "waiting") this.problem = "";
  }

  /** The state, with the difference that people see: whether the picture stands still. */
  get status() {
    return this.state === "playing" && this.figures.stalls.since !== null ? "stalled" : this.state;
  }

  // What the element tells.

  watch() {
    const { video } = this;
    // Keyboards and headsets have keys of their own.
    video.addEventListener("pause", () => {
      if (this.state === "playing" && !video.ended) this.setPlaying(false);
    });
    video.addEventListener("play", () => {
      if (this.state === "paused") this.setPlaying(true);
    });
    video.addEventListener("timeupdate", () => {
      if (this.engine === "native" && this.state === "starting" && !video.paused) this.began();
    });
    video.addEventListener("error", () => {
      if (this.engine === "parts" && video.error && video.getAttribute("src")) {
        this.session?.controller.abort(new Error(video.error.message || "the media can't be decoded"));
      }
    });
    setInterval(() => this.tick(), 100);
  }

  tick() {
    if (this.state !== "playing") return;
    const now = performance.now();
    if (this.engine === "parts") this.session.steer(now / 1000);
    this.figures.tick(now);
  }
}

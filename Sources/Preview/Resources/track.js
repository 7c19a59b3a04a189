// Follows one kind of media: reloads its playlist, loads its parts as they appear, hands them on.

import { DeltaError, nextPosition, parseMedia } from "./playlist.js";

/** An answer that is not the one wanted. */
export class HTTPError extends Error {
  constructor(url, status) {
    super(`${status} for ${new URL(url).pathname}`);
    this.status = status;
  }
}

/** Thrown when the media that comes next has left the playlist. */
export class FellBehind extends Error {}

/** Failures of a playlist in a row that a track puts up with. */
const patience = 4;

/** Waits, unless the signal says that it is over. */
export function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal.addEventListener("abort", stop, { once: true });
  });
}

/** Loads bodies, some of them before they are asked for. */
class Loader {
  #early = new Map();

  constructor(signal) { this.signal = signal; }

  async load(url) {
    const early = this.#early.get(url);
    this.#early.delete(url);
    return (await early?.result) ?? this.#fetch(url, this.signal);
  }

  /** Begins to load; what `keep` does not name and nobody has asked for is given up. */
  prefetch(urls) {
    for (const [url, { controller }] of this.#early) {
      if (urls.includes(url)) continue;
      controller.abort();
      this.#early.delete(url);
    }
    for (const url of urls) {
      if (this.#early.has(url)) continue;
      const controller = new AbortController();
      const signal = AbortSignal.any([this.signal, controller.signal]);
      // A hint may come to nothing; who needs the part asks again and sees why.
      const result = this.#fetch(url, signal).catch((error) => {
        if (error instanceof HTTPError) this.onRefusedHint?.(url, error.status);
        return null;
      });
      this.#early.set(url, { controller, result });
    }
  }

  async #fetch(url, signal) {
    const response = await fetch(url, { signal });
    if (!response.ok) throw new HTTPError(url, response.status);
    return { bytes: new Uint8Array(await response.arrayBuffer()), arrived: performance.now() };
  }
}

/** All that a playlist lists as things to load: parts, or whole segments where parts are gone. */
export function listedItems(playlist) {
  return playlist.segments.flatMap((segment) => {
    const common = {
      number: segment.number, map: segment.map, discontinuity: segment.discontinuity,
    };
    if (segment.parts.length === 0) {
      return [{
        ...common, part: 0, url: segment.url, duration: segment.duration, pdt: segment.pdt,
        isGap: segment.isGap, isIndependent: true, isWhole: true, isLast: true,
      }];
    }
    let pdt = segment.pdt;
    return segment.parts.map((part, index) => {
      const item = {
        ...common, part: index, url: part.url, duration: part.duration, pdt, isWhole: false,
        isGap: part.isGap || segment.isGap, isIndependent: part.isIndependent || index === 0,
        isLast: segment.url !== null && index === segment.parts.length - 1,
      };
      if (pdt !== null) pdt += part.duration * 1000;
      return item;
    });
  });
}

/** Where to join: the newest independent item that begins at least `holdBack` before the end. */
export function joinPosition(playlist, holdBack) {
  const items = listedItems(playlist);
  let distance = 0;
  for (const item of items.toReversed()) {
    distance += item.duration;
    if (distance >= holdBack && item.isIndependent && !item.isGap) return item;
  }
  return items.find(({ isGap }) => !isGap) ?? items[0];
}

export class Track {
  /**
   * `session` is told what happens: see its methods `took…`. With `loadsMedia` false the playlist is
   * followed and nothing else.
   */
  constructor(session, kind, url, { loadsMedia = true } = {}) {
    Object.assign(this, { session, kind, url, loadsMedia });
    this.signal = session.signal;
    this.loader = new Loader(this.signal);
    this.loader.onRefusedHint = (refused, status) => session.tookRefusedHint(this, refused, status);
    this.playlist = null;
    this.next = null;
    this.inits = new Map();
    // What was appended last; the session compares.
    this.shownInit = null;
    this.discontinuity = null;
    this.failures = 0;
  }

  /** Runs to the end of the broadcast; throws when the session can't go on. */
  async run() {
    this.playlist = await this.reload(this.url);
    const start = await this.session.joinPosition(this, this.playlist);
    this.next = { number: start.number, part: start.part };
    for (;;) {
      for (const [item, following] of this.fresh()) {
        if (item.part === 0 && this.leavesFor(item)) break;
        await this.take(item, following);
      }
      if (this.playlist.hasEnded) return;
      if (this.loadsMedia) this.loader.prefetch([this.playlist.hint].filter(Boolean));
      this.playlist = await this.follow();
    }
  }

  /** Items that are listed from the next one on, each with the one after it; moves on over them. */
  *fresh() {
    const items = listedItems(this.playlist);
    const from = items.findIndex(({ number, part }) =>
      number > this.next.number || number === this.next.number && part >= this.next.part);
    if (from < 0) return;
    const first = items[from];
    const isExpected = first.number === this.next.number && first.part === this.next.part
      || first.number === this.next.number + 1 && first.part === 0;
    // Half of a segment whose parts are gone can't be loaded, and what left the list neither.
    if (!isExpected || first.isWhole && this.next.part > 0 && first.number === this.next.number) {
      throw new FellBehind("the playlist has moved on");
    }
    for (let index = from; index < items.length; index++) {
      const item = items[index];
      this.next = item.isLast
        ? { number: item.number + 1, part: 0 } : { number: item.number, part: item.part + 1 };
      yield [item, items[index + 1] ?? null];
    }
  }

  async take(item, following) {
    if (item.isGap) return this.session.tookGap(this, item);
    if (!this.loadsMedia) return undefined;
    const ahead = following && !following.isGap ? following.url : this.playlist.hint;
    const loading = this.loader.load(item.url);
    this.loader.prefetch([ahead].filter(Boolean));
    let media;
    try {
      media = await loading;
    } catch (error) {
      if (!(error instanceof HTTPError) || error.status < 400 || error.status >= 500) throw error;
      return this.session.tookLoss(this, item, error.status);
    }
    return this.session.tookMedia(this, item, await this.init(item.map), media);
  }

  /** An init segment, loaded once. */
  init(url) {
    if (!this.inits.has(url)) this.inits.set(url, this.loader.load(url));
    return this.inits.get(url);
  }

  /** Goes on with another variant at the beginning of a segment, when the session wishes. */
  leavesFor({ number }) {
    const url = this.session.wantedURL(this);
    if (url === this.url) return false;
    this.url = url;
    this.next = { number, part: 0 };
    // Positions are the same in all renditions, but what a delta continues is not.
    Object.assign(this.playlist, { segments: [], hint: null, canSkipUntil: 0, hasEnded: false });
    return true;
  }

  /** The playlist after the one at hand: held by the server until it has news, where it can. */
  async follow() {
    const { canBlockReload, canSkipUntil, targetDuration, segments } = this.playlist;
    if (!canBlockReload) {
      if (segments.length > 0) await pause(targetDuration / 2, this.signal);
      return this.reload(this.url, { previous: this.playlist });
    }
    const position = segments.length > 0 ? nextPosition(this.playlist) : this.next;
    const query = [`_HLS_msn=${position.number}`, `_HLS_part=${position.part}`];
    if (canSkipUntil > 0) query.push("_HLS_skip=YES");
    return this.reload(`${this.url}?${query.join("&")}`, { previous: this.playlist, position });
  }

  /** Loads a playlist; tries again, more and more patiently, while the broadcast may come back. */
  async reload(url, { previous = null, position = null } = {}) {
    for (;;) {
      try {
        const asked = performance.now();
        // A hold is three target durations at most; what takes longer is a connection that hangs.
        const timeout = AbortSignal.timeout(1000 * (3 * (previous?.targetDuration || 4) + 5));
        const response = await fetch(url, { signal: AbortSignal.any([this.signal, timeout]) });
        if (!response.ok) throw new HTTPError(url, response.status);
        const playlist = parseMedia(await response.text(), this.url, previous);
        const answer = { asked, received: performance.now(), position, previous };
        this.failures = 0;
        this.session.tookPlaylist(this, playlist, answer);
        return playlist;
      } catch (error) {
        this.signal.throwIfAborted();
        if (error instanceof DeltaError) {
          this.session.tookBrokenDelta(this, error);
        } else {
          this.failures += 1;
          // The broadcast may come back with other renditions: the session has to begin anew.
          if (this.failures > patience) throw error;
          this.session.tookFailure(this, error);
          await pause(Math.min(4, 0.25 * 2 ** this.failures), this.signal);
        }
        // The plain playlist is never refused while there is one, and needs nothing before it.
        [url, previous, position] = [this.url, null, null];
      }
    }
  }
}

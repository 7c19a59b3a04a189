// Numbers that the player steers by: where the live edge is, how fast to play, what the network gives,
// and how late the picture is. All times are seconds.

/** The value below which a share of sorted values lies. */
function quantile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

/**
 * Where the live edge is at a moment. Media arrives a part at a time; between arrivals the edge moves
 * on with the clock. The part that came with the least delay of the last seconds tells where it is.
 */
export class LiveEdge {
  static window = 8;
  #leads = [];

  /** Media that ends at `end` has arrived at `now`. */
  note(end, now) {
    this.#leads.push({ now, lead: end - now });
    while (now - this.#leads[0].now > LiveEdge.window) this.#leads.shift();
  }

  /** The media time that is being produced now; null before anything has come. */
  at(now) {
    if (this.#leads.length === 0) return null;
    return now + Math.max(...this.#leads.map(({ lead }) => lead));
  }
}

/** Holds a distance to the live edge by gentle changes of the playback rate. */
export class Pace {
  // Few rates: for some browsers (WebKitGTK) each change is a seek.
  static most = 0.05;
  static gentle = 0.02;
  static far = 0.1;
  // Small errors are left alone until they are worth a change, and then corrected until they vanish.
  static begin = 0.04;
  static settle = 0.01;
  #isCorrecting = false;

  /** The rate for a picture that is `behind` its place and has `ahead` of media to play. */
  rate(behind, ahead, part) {
    if (Math.abs(behind) > Pace.begin) this.#isCorrecting = true;
    if (Math.abs(behind) < Pace.settle) this.#isCorrecting = false;
    // Running out is worse than being late.
    if (ahead < part / 2) return 1 - Pace.most;
    if (!this.#isCorrecting) return 1;
    return 1 + Math.sign(behind) * (Math.abs(behind) > Pace.far ? Pace.most : Pace.gentle);
  }
}

/** What the network gives, from how long bodies took, and the rendition that fits. */
export class Throughput {
  // Enough for any demo, until something is known.
  static initial = 4_000_000;
  static share = 0.7;
  /** Seconds between going down and trying to go up again. */
  static caution = 10;
  #samples = [];
  #cautiousUntil = 0;

  /** Watches what the page loads. The time that a server holds a part does not count. */
  watch() {
    new PerformanceObserver((list) => {
      for (const { name, responseStart, responseEnd, encodedBodySize } of list.getEntries()) {
        if (encodedBodySize === 0 || responseStart === 0 || !name.endsWith(".m4s")) continue;
        // A few milliseconds are the browser's own, whatever the network.
        const seconds = Math.max(responseEnd - responseStart - 5, 1) / 1000;
        this.#samples.push({ bytes: encodedBodySize, seconds });
        if (this.#samples.length > 12) this.#samples.shift();
      }
    }).observe({ type: "resource" });
  }

  get bitsPerSecond() {
    if (this.#samples.length < 3) return Throughput.initial;
    const total = (key) => this.#samples.reduce((sum, sample) => sum + sample[key], 0);
    return 8 * total("bytes") / total("seconds");
  }

  /** Media came so late that the picture nearly stood still. */
  noteLate(now) { this.#cautiousUntil = now + Throughput.caution; }

  /** The best of variants (best first) that fits; while cautious never better than the current. */
  choose(variants, current, now) {
    const budget = this.bitsPerSecond * Throughput.share;
    const fitting = variants.find(({ bandwidth }) => bandwidth <= budget) ?? variants.at(-1);
    const index = variants.indexOf(current);
    if (index < 0 || now >= this.#cautiousUntil) return fitting;
    return variants[Math.max(variants.indexOf(fitting), index)];
  }

  /** One step down from the current variant. */
  stepDown(variants, current) {
    return variants[Math.min(variants.length - 1, variants.indexOf(current) + 1)];
  }
}

/** How late shown frames were: of the last minute for people, of ten minutes for tests. */
export class LatencyRecord {
  static most = 15_000;
  #values = [];

  add(seconds) {
    this.#values.push(seconds);
    if (this.#values.length > LatencyRecord.most) this.#values.shift();
  }

  clear() { this.#values = []; }

  /** Median and 95th percentile of the newest `count`; null before the first. */
  summary(count = LatencyRecord.most) {
    const sorted = this.#values.slice(-count).sort((left, right) => left - right);
    if (sorted.length === 0) return null;
    return {
      count: sorted.length,
      p50: quantile(sorted, 0.5), p95: quantile(sorted, 0.95), most: sorted.at(-1),
    };
  }
}

/** The bridge's clock, where `/time` can be asked; else this machine's. */
export class Clock {
  offset = 0;
  /** Half the round trip of the best answer; null while nothing has answered. */
  uncertainty = null;

  /** Asks some times, ever more seldom, and keeps the answer that came fastest. */
  async synchronize(url) {
    for (let count = 0; count < 12; count++) {
      if (count > 3) await new Promise((resolve) => setTimeout(resolve, 250 * count));
      try {
        const sent = performance.now();
        const response = await fetch(url, { cache: "no-store" });
        const text = response.ok ? await response.text() : "";
        const received = performance.now();
        const time = Date.parse(text.trim());
        const uncertainty = (received - sent) / 2000;
        if (!Number.isFinite(time)) return;
        if (this.uncertainty === null || uncertainty < this.uncertainty) {
          this.uncertainty = uncertainty;
          this.offset = time / 1000 + uncertainty - systemTime(received);
        }
      } catch {
        return;
      }
    }
  }

  /** Seconds since 1970 at a moment of `performance.now()`. */
  at(moment) { return systemTime(moment) + this.offset; }
}

// `timeOrigin` does not follow corrections of the system's clock.
function systemTime(moment) { return (Date.now() - performance.now() + moment) / 1000; }

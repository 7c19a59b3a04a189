// Line and dot charts of the last seconds on a canvas, redrawn as a whole.

/** Seconds that charts show unless they say otherwise, and that samples are kept. */
const minute = 60;

export class Chart {
  /**
   * `series`: { name, color (a custom property), kind ("line", "dots" or "level"), samples } with
   * samples as [seconds, value], oldest first. `minimum` is the smallest value that the scale ends at.
   */
  constructor(canvas, series, { minimum = 1, span = minute } = {}) {
    Object.assign(this, { canvas, series, minimum, span });
  }

  draw(now) {
    const { canvas } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    if (width === 0 || height === 0) return;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const style = getComputedStyle(canvas);
    const top = this.top(now);
    const plot = {
      left: 36, right: width - 6, bottom: height - 20,
      x: (time) => 36 + (width - 42) * (1 - (now - time) / this.span),
      y: (value) => height - 20 - (height - 28) * (Math.min(value, top) / top),
    };
    this.drawGrid(context, style, plot, top);
    for (const series of this.series) this.drawSeries(context, style, plot, series, now);
  }

  /** A round end of the scale above all that is shown. */
  top(now) {
    let most = this.minimum;
    for (const { samples } of this.series) {
      for (const [time, value] of samples) if (now - time <= this.span && value > most) most = value;
    }
    const step = 10 ** Math.floor(Math.log10(most));
    return [1, 2, 3, 4, 6, 8, 10].map((factor) => factor * step)
      .find((end) => end >= most * 1.05) ?? 20 * step;
  }

  drawGrid(context, style, plot, top) {
    context.font = `11px ${style.fontFamily}`;
    context.fillStyle = style.getPropertyValue("--muted");
    context.strokeStyle = style.getPropertyValue("--line");
    context.lineWidth = 1;
    context.textAlign = "right";
    context.textBaseline = "middle";
    for (const value of [0, top / 2, top]) {
      const y = Math.round(plot.y(value)) + 0.5;
      context.beginPath();
      context.moveTo(plot.left, y);
      context.lineTo(plot.right, y);
      context.stroke();
      context.fillText(label(value), plot.left - 6, y);
    }
    context.textBaseline = "alphabetic";
    context.textAlign = "left";
    context.fillText(`−${this.span} s`, plot.left, plot.bottom + 15);
    context.textAlign = "right";
    context.fillText("now", plot.right, plot.bottom + 15);
  }

  drawSeries(context, style, plot, { samples, color, kind }, now) {
    const paint = style.getPropertyValue(color);
    context.strokeStyle = context.fillStyle = paint;
    context.save();
    context.beginPath();
    context.rect(plot.left, 0, plot.right - plot.left, plot.bottom + 1);
    context.clip();
    const shown = samples.filter(([time]) => now - time <= this.span + 1);
    if (kind === "dots") {
      for (const [time, value] of shown) {
        context.beginPath();
        context.arc(plot.x(time), plot.y(value), 1.8, 0, 2 * Math.PI);
        context.fill();
      }
    } else {
      context.lineWidth = kind === "level" ? 1 : 1.75;
      context.lineJoin = "round";
      if (kind === "level") context.setLineDash([4, 4]);
      context.beginPath();
      let last = -Infinity;
      for (const [time, value] of shown) {
        // A pause in the samples is a pause in the line.
        if (time - last > 2) context.moveTo(plot.x(time), plot.y(value));
        else context.lineTo(plot.x(time), plot.y(value));
        last = time;
      }
      context.stroke();
    }
    context.restore();
  }

  /** What the chart shows, in a sentence, for those who can't see it. */
  describe(now) {
    return this.series.filter(({ kind }) => kind !== "level").map(({ name, samples }) => {
      const values = samples.filter(([time]) => now - time <= this.span).map(([, value]) => value);
      if (values.length === 0) return `${name}: nothing yet`;
      const [least, most] = [Math.min(...values), Math.max(...values)];
      return `${name}: now ${values.at(-1).toFixed(2)} s, `
        + `between ${least.toFixed(2)} and ${most.toFixed(2)} s in the last ${this.span} s`;
    }).join("; ");
  }
}

function label(value) { return String(Number(value.toPrecision(3))); }

/** Samples of the last minute as [seconds, value]. */
export class Samples extends Array {
  static get [Symbol.species]() { return Array; }

  add(time, value) {
    this.push([time, value]);
    while (this.length > 0 && time - this[0][0] > minute + 5) this.shift();
  }
}

// Line charts on a canvas: axes, one line or row of dots a series, and a cursor moved by pointer or arrow keys.

const MARGIN = { left: 58, right: 14, top: 8, bottom: 36 };
const SVG = "http://www.w3.org/2000/svg";

/** A number as people write it: four digits, an exponent only where it must be. */
export function written(x) {
  if (x === null || x === undefined || Number.isNaN(x)) return "-";
  const size = Math.abs(x);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return x.toExponential(2).replace("e+", "e");
  return String(Number(x.toPrecision(4)));
}

/** Round places for the marks of an axis from low to high. */
function ticks(low, high, log, wanted) {
  if (log) {
    const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
    const factors = to - from <= 3 ? [1, 2, 5] : [1];
    const every = Math.max(1, Math.ceil((to - from) / wanted));
    const places = [];
    for (let e = from; e <= to; e += every) for (const f of factors) places.push(f * 10 ** e);
    const inside = places.filter((x) => x >= low * 0.999 && x <= high * 1.001);
    if (inside.length > 2) return inside;
  }
  const rough = (high - low) / wanted || 1;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((f) => f * unit).find((s) => s >= rough * 0.999);
  const places = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) places.push(i * step || 0); // no -0
  return log ? places.filter((x) => x > 0) : places;
}

/** Whether a value has a place on the scale. */
const shown = (y, log) => y !== null && y !== undefined && (!log || y > 0);

export class Chart {
  /**
   * @param {HTMLElement} section with a canvas, a .readout, a .legend and perhaps a checkbox .log
   * @param {{x: string, y: string}} labels of the axes
   */
  constructor(section, labels) {
    this.canvas = section.querySelector("canvas");
    this.readout = section.querySelector(".readout");
    this.legend = section.querySelector(".legend");
    this.log = section.querySelector(".log");
    this.heading = section.querySelector("h2");
    this.title = this.heading.textContent;
    this.labels = labels;
    this.series = [];
    this.levels = [];
    this.cursor = null;
    this.log?.addEventListener("change", () => this.draw());
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.move(null));
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /**
   * Show series: {name, x: numbers, y: numbers or null, color: "--name", width, dash, dots, plain}; `plain` ones do not
   * stretch the scale. And levels: [name, y] of horizontal lines.
   */
  show(series, levels = []) {
    const named = JSON.stringify(series.map((s) => s.name));
    this.series = series;
    this.places = null;
    this.levels = levels.filter(([, y]) => y !== null);
    if (named !== this.named) this.name_series();
    this.named = named;
    this.draw();
  }

  /** Give the chart another title. */
  name(title) {
    this.title = this.heading.textContent = title;
  }

  name_series() {
    this.legend.replaceChildren(...this.series.map((series) => {
      const item = document.createElement("li");
      item.append(swatch(series), series.name);
      return item;
    }));
  }

  // --- the picture ---------------------------------------------------------------------------------------------------

  draw() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const scale = window.devicePixelRatio || 1;
    if (!width) return;
    this.canvas.width = Math.round(width * scale);
    this.canvas.height = Math.round(height * scale);
    const pen = this.canvas.getContext("2d");
    pen.scale(scale, scale);
    pen.font = "12px system-ui, sans-serif";
    const style = getComputedStyle(this.canvas);
    this.color = (name) => style.getPropertyValue(name);
    this.describe();
    if (!this.measure(width, height)) {
      pen.fillStyle = this.color("--soft");
      pen.textAlign = "center";
      pen.fillText("no values yet", width / 2, height / 2);
      return;
    }
    this.axes(pen, width, height);
    pen.save();
    pen.beginPath();
    const [right, floor] = [width - MARGIN.right, height - MARGIN.bottom];
    pen.rect(MARGIN.left - 4, MARGIN.top - 4, right - MARGIN.left + 8, floor - MARGIN.top + 8); // dots stick out
    pen.clip();
    for (const [name, y] of this.levels) this.level(pen, name, y, width);
    for (const series of this.series) series.dots ? this.dots(pen, series) : this.line(pen, series);
    if (this.cursor !== null) this.mark(pen, height);
    pen.restore();
  }

  /** Find the ranges; false if there is nothing to draw. */
  measure(width, height) {
    const log = this.log?.checked ?? false;
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (const { x, y } of this.series) {
      for (let i = 0; i < y.length; i++) {
        if (!shown(y[i], log)) continue;
        left = Math.min(left, x[i]);
        right = Math.max(right, x[i]);
        low = Math.min(low, y[i]);
        high = Math.max(high, y[i]);
      }
    }
    if (left > right) return false;
    for (const [, y] of this.levels) {
      if (shown(y, log)) [low, high] = [Math.min(low, y), Math.max(high, y)];
    }
    if (left === right) [left, right] = [left - 1, right + 1];
    if (log) {
      const room = Math.max(1.05, (high / low) ** 0.05);
      [low, high] = [low / room, high * room];
    } else {
      const room = 0.05 * (high - low) || 0.1 * Math.abs(high) || 1;
      [low, high] = [low >= 0 && low < room ? 0 : low - room, high + room];
    }
    const [w, h] = [width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom];
    const on = log ? Math.log10 : (y) => y;
    const [bottom, top] = [on(low), on(high)];
    Object.assign(this, { left, right, low, high, is_log: log });
    this.at_x = (x) => MARGIN.left + (w * (x - left)) / (right - left);
    this.at_y = (y) => MARGIN.top + h * (1 - (on(y) - bottom) / (top - bottom));
    this.from_x = (px) => left + ((px - MARGIN.left) / w) * (right - left);
    return true;
  }

  axes(pen, width, height) {
    const floor = height - MARGIN.bottom;
    pen.lineWidth = 1;
    pen.strokeStyle = this.color("--grid");
    pen.fillStyle = this.color("--soft");
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const y of ticks(this.low, this.high, this.is_log, 5)) {
      stroke(pen, MARGIN.left, this.at_y(y), width - MARGIN.right, this.at_y(y));
      pen.fillText(written(y), MARGIN.left - 6, this.at_y(y));
    }
    pen.textAlign = "center";
    pen.textBaseline = "top";
    const places = ticks(this.left, this.right, false, Math.max(4, Math.floor(width / 110)));
    for (const x of places.filter(Number.isInteger)) {
      stroke(pen, this.at_x(x), floor, this.at_x(x), floor + 4);
      pen.fillText(x.toLocaleString("en"), this.at_x(x), floor + 6);
    }
    pen.fillText(this.labels.x, (MARGIN.left + width - MARGIN.right) / 2, floor + 21);
    pen.strokeStyle = this.color("--soft");
    stroke(pen, MARGIN.left, floor, width - MARGIN.right, floor);
  }

  level(pen, name, y, width) {
    if (!shown(y, this.is_log)) return;
    pen.strokeStyle = pen.fillStyle = this.color("--soft");
    pen.lineWidth = 1;
    pen.setLineDash([2, 3]);
    stroke(pen, MARGIN.left, this.at_y(y), width - MARGIN.right, this.at_y(y));
    pen.setLineDash([]);
    pen.textAlign = "right";
    pen.textBaseline = this.at_y(y) < MARGIN.top + 16 ? "top" : "bottom";
    pen.fillText(name, width - MARGIN.right - 2, this.at_y(y) + (pen.textBaseline === "top" ? 3 : -2));
  }

  /** A line; of many points in one column of pixels, the lowest and the highest. */
  line(pen, { x, y, color, width = 1.5, dash = [] }) {
    pen.strokeStyle = this.color(color);
    pen.lineWidth = width;
    pen.lineJoin = "round";
    pen.setLineDash(dash);
    pen.beginPath();
    let open = false;
    for (let i = 0; i < y.length; ) {
      if (!shown(y[i], this.is_log)) {
        open = false;
        i++;
        continue;
      }
      const column = Math.round(this.at_x(x[i]));
      let [low, high, last] = [y[i], y[i], y[i]];
      let k = i + 1;
      for (; k < y.length && shown(y[k], this.is_log) && Math.round(this.at_x(x[k])) === column; k++) {
        [low, high, last] = [Math.min(low, y[k]), Math.max(high, y[k]), y[k]];
      }
      const px = k === i + 1 ? this.at_x(x[i]) : column;
      if (open) pen.lineTo(px, this.at_y(y[i]));
      else pen.moveTo(px, this.at_y(y[i]));
      if (k > i + 1) for (const value of [low, high, last]) pen.lineTo(px, this.at_y(value));
      open = true;
      i = k;
    }
    pen.stroke();
    pen.setLineDash([]);
  }

  dots(pen, { x, y, color, dash = [] }) {
    this.line(pen, { x, y, color, width: 1.2, dash });
    pen.fillStyle = this.color(color);
    for (let i = 0; i < y.length; i++) {
      if (!shown(y[i], this.is_log)) continue;
      pen.beginPath();
      pen.arc(this.at_x(x[i]), this.at_y(y[i]), 3.5, 0, 2 * Math.PI);
      pen.fill();
    }
  }

  // --- the cursor ----------------------------------------------------------------------------------------------------

  mark(pen, height) {
    pen.strokeStyle = this.color("--ink");
    pen.lineWidth = 1;
    stroke(pen, this.at_x(this.cursor), MARGIN.top, this.at_x(this.cursor), height - MARGIN.bottom);
  }

  point(event) {
    if (!this.from_x) return;
    const [at, all] = [this.from_x(event.clientX - this.canvas.getBoundingClientRect().left), this.all()];
    const i = after(all, at);
    this.move(i > 0 && (i === all.length || at - all[i - 1] < all[i] - at) ? i - 1 : i);
  }

  key(event) {
    if (this.left === undefined) return;
    const last = this.all().length - 1;
    const far = Math.max(1, Math.round(last / 20));
    const by = { ArrowLeft: -1, ArrowRight: 1, PageDown: -far, PageUp: far }[event.key];
    const to = { Home: 0, End: last, Escape: null }[event.key];
    if (by === undefined && to === undefined) return;
    event.preventDefault();
    this.move(by === undefined ? to : this.cursor === null ? last : after(this.all(), this.cursor) + by);
  }

  /** All x of the series, sorted: where the cursor can be. */
  all() {
    this.places ??= [...new Set(this.series.flatMap(({ x }) => x))].sort((a, b) => a - b);
    return this.places;
  }

  /** Put the cursor to one of these places, by its number; null takes it away. */
  move(i) {
    const all = this.all();
    this.cursor = i === null || !all.length ? null : all[Math.min(all.length - 1, Math.max(0, i))];
    this.draw();
  }

  /** Put into words what is drawn, and what is at the cursor. */
  describe() {
    const parts = this.series.map(({ name, y }) => `${name}: ${written(y.findLast((v) => v !== null))}`);
    const last = Math.max(...this.series.map(({ x }) => x[x.length - 1] ?? -Infinity));
    let about = "no values yet";
    if (Number.isFinite(last)) about = `up to ${this.labels.x} ${last}; last values: ${parts.join(", ")}`;
    this.canvas.setAttribute("aria-label", `${this.title}, ${about}. Arrow keys read out values.`);
    this.readout.toggleAttribute("aria-live", false);
    if (this.cursor === null) {
      this.readout.textContent = "";
      return;
    }
    const here = this.series
      .map(({ name, x, y }) => [name, x, y, after(x, this.cursor)])
      .filter(([, x, y, i]) => x[i] === this.cursor && y[i] != null)
      .map(([name, , y, i]) => [name, y[i]]);
    this.readout.setAttribute("aria-live", "polite");
    const values = here.map(([name, y]) => `${name} ${written(y)}`).join(", ");
    this.readout.textContent = `${this.labels.x} ${this.cursor}: ${values}`;
  }
}

/** How many of sorted numbers are below a value: where it is, if it is there. */
function after(sorted, value) {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function stroke(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, Math.round(y1) + 0.5 * (y1 === y2));
  pen.lineTo(x2, Math.round(y2) + 0.5 * (y1 === y2));
  pen.stroke();
}

/** A piece of a line as it is drawn, for the legend. */
function swatch({ color, width = 1.5, dash = [], dots }) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 32 12");
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", "M1 6H31");
  line.setAttribute("stroke-width", dots ? 1.2 : width);
  line.setAttribute("stroke-dasharray", dash.join(" "));
  line.style.stroke = `var(${color})`;
  svg.append(line);
  if (dots) {
    const dot = document.createElementNS(SVG, "circle");
    for (const [name, value] of [["cx", 16], ["cy", 6], ["r", 3.5]]) dot.setAttribute(name, value);
    dot.style.fill = `var(${color})`;
    svg.append(dot);
  }
  return svg;
}

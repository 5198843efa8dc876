// Moving and enlarging the picture: by mouse, finger and keyboard.

const LEAST_ZOOM = 0.02;
const MOST_ZOOM = 4;

class Viewport {
  constructor(svg, world) {
    this.svg = svg;
    this.world = world;
    this.x = this.y = 0;
    this.zoom = 1;
    this.fitted = false; // whether the whole graph is shown, and nobody has moved it since
    this.pointers = new Map();
    this.moved = false;
    svg.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    svg.addEventListener("pointerdown", (event) => this.down(event));
    svg.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel", "pointerleave"]) {
      svg.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  apply() {
    this.world.setAttribute("transform", `translate(${this.x} ${this.y}) scale(${this.zoom})`);
  }

  /** Show a rectangle of the picture as large as it can be, but no larger than natural. */
  fit(w, h) {
    const { width, height } = this.svg.getBoundingClientRect();
    const margin = 24;
    const zoom = Math.min((width - 2 * margin) / w, (height - 2 * margin) / h, 1.25);
    this.zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, zoom));
    this.x = (width - w * this.zoom) / 2;
    this.y = (height - h * this.zoom) / 2;
    this.apply();
    this.fitted = true;
  }

  /** Enlarge by a factor; what is at a place of the window (its middle, if none is given) stays there. */
  scale(factor, at = null) {
    const { left, top, width, height } = this.svg.getBoundingClientRect();
    const [px, py] = at ? [at[0] - left, at[1] - top] : [width / 2, height / 2];
    const zoom = Math.min(MOST_ZOOM, Math.max(LEAST_ZOOM, this.zoom * factor));
    this.fitted = false;
    this.x = px - ((px - this.x) * zoom) / this.zoom;
    this.y = py - ((py - this.y) * zoom) / this.zoom;
    this.zoom = zoom;
    this.apply();
  }

  pan(dx, dy) {
    this.fitted = false;
    this.x += dx;
    this.y += dy;
    this.apply();
  }

  /** Where the middle of an item is in the window. */
  placeOf(item) {
    return [this.x + (item.x + item.w / 2) * this.zoom, this.y + (item.y + item.h / 2) * this.zoom];
  }

  /** Move the picture so that an item's middle is at a place of the window; by default in its middle. */
  bring(item, place = null) {
    const { width, height } = this.svg.getBoundingClientRect();
    const [x, y] = this.placeOf(item);
    const [u, v] = place ?? [width / 2, height / 2];
    this.pan(u - x, v - y);
  }

  /** Bring an item into the window if it is not there, large enough to be read. */
  showItem(item) {
    const { width, height } = this.svg.getBoundingClientRect();
    if (this.zoom < 0.5) {
      this.zoom = 0.8;
      this.fitted = false;
    }
    const [x, y] = this.placeOf(item);
    if (x < 60 || y < 40 || x > width - 60 || y > height - 40) this.bring(item);
    this.apply();
  }

  wheel(event) {
    event.preventDefault();
    this.scale(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0015)), [event.clientX, event.clientY]);
  }

  down(event) {
    this.pointers.set(event.pointerId, [event.clientX, event.clientY]);
    this.moved = false;
  }

  /** One finger or the mouse moves the picture; two fingers also enlarge it. */
  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = [event.clientX, event.clientY];
    const others = [...this.pointers].filter(([id]) => id !== event.pointerId);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    if (!this.moved && Math.hypot(dx, dy) < 4) return; // a click that trembles
    this.moved = true;
    this.pointers.set(event.pointerId, now);
    if (!others.length) {
      this.pan(dx, dy);
      return;
    }
    const other = others[0][1];
    const distance = (p) => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
    this.scale(distance(now) / distance(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
  }
}

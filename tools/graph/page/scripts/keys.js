// The graph by keyboard: the focus moves from box to box as they stand in the picture.

const PAN = 80; // pixels
const DIRECTIONS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

class Keys {
  constructor(app) {
    this.app = app;
    this.focused = null; // an item
    app.svg.setAttribute("tabindex", "0");
    app.svg.addEventListener("focus", () => this.focus(this.shownOf(this.focused) ?? app.visible.items[0]));
    app.svg.addEventListener("focusin", (event) => {
      const item = app.itemOf(event.target);
      if (item) this.took(item);
    });
    app.svg.addEventListener("keydown", (event) => this.inGraph(event));
    document.addEventListener("keydown", (event) => this.anywhere(event));
  }

  /** Give an item the focus; it comes into the window. */
  focus(item) {
    if (!item) return;
    this.app.painter.elements.get(item)?.focus({ preventScroll: true });
    this.app.viewport.showItem(item);
  }

  took(item) {
    const { elements } = this.app.painter;
    elements.get(this.focused)?.setAttribute("tabindex", "-1");
    elements.get(item)?.setAttribute("tabindex", "0");
    this.app.svg.setAttribute("tabindex", "-1"); // Tab enters at the item, Shift+Tab leaves
    this.focused = item;
    this.app.details.show(item);
  }

  /** After drawing again: the focus stays on the item, or goes to the box that holds it now. */
  restore(had) {
    const item = this.shownOf(this.focused);
    if (!item) {
      this.app.svg.setAttribute("tabindex", "0");
      return;
    }
    this.focused = item;
    const drawn = this.app.painter.elements.get(item);
    drawn.setAttribute("tabindex", "0");
    if (had) drawn.focus({ preventScroll: true });
  }

  /** The item itself if it is drawn, or the innermost box around it that is. */
  shownOf(item) {
    for (let at = item; at; at = at.parent) if (this.app.painter.elements.has(at)) return at;
    return null;
  }

  inGraph(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const item = this.focused;
    if (event.key in DIRECTIONS && event.shiftKey) {
      const [dx, dy] = DIRECTIONS[event.key];
      this.app.viewport.pan(-dx * PAN, -dy * PAN);
    } else if (event.key in DIRECTIONS) this.focus(this.next(item, DIRECTIONS[event.key]));
    else if (event.key === "Enter" && item?.isBox) this.app.toggle(item);
    else if (event.key === "Backspace" && item) this.close(item);
    else if (event.key === " " && item) this.app.choose(this.app.light.selected === item ? null : item);
    else return;
    event.preventDefault();
  }

  /** Close the box around an item, or an open box itself. */
  close(item) {
    const box = item.isBox && item.open ? item : item.parent;
    if (box && box.kind !== "root") this.app.toggle(box);
  }

  /** The nearest item in a direction; what lies beside the way counts as farther. */
  next(item, [dx, dy]) {
    if (!item) return this.app.visible.items[0];
    const centre = (a) => [a.x + a.w / 2, a.y + (a.open ? TITLE / 2 : a.h / 2)];
    const [x, y] = centre(item);
    let best = null;
    let least = Infinity;
    for (const other of this.app.painter.elements.keys()) {
      const [u, v] = centre(other);
      const along = (u - x) * dx + (v - y) * dy;
      if (other === item || along < 4) continue;
      const distance = along + 2 * (Math.abs(u - x) * Math.abs(dy) + Math.abs(v - y) * Math.abs(dx));
      if (distance < least) [best, least] = [other, distance];
    }
    return best ?? item;
  }

  anywhere(event) {
    if (document.activeElement === document.body && event.key in DIRECTIONS && !event.ctrlKey && !event.metaKey && !event.altKey) {
      // Nothing has the focus: the keys mean the graph, from the first press on.
      if (this.focused || event.shiftKey) this.inGraph(event);
      else {
        event.preventDefault();
        this.focus(this.app.visible.items[0]);
      }
      return;
    }
    const writing = event.target.matches?.("input[type=search], select, textarea");
    if (writing || event.ctrlKey || event.metaKey || event.altKey) return;
    const { app } = this;
    const actions = {
      "+": () => app.viewport.scale(1.25),
      "=": () => app.viewport.scale(1.25),
      "-": () => app.viewport.scale(0.8),
      0: () => app.fit(),
      "/": () => app.search.input.focus(),
      p: () => app.play.toggle(),
      ",": () => app.play.go(app.play.position - 1),
      ".": () => app.play.go(app.play.position + 1),
      Escape: () => app.choose(null),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }
}

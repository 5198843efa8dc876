// The page as a whole: what is open, what is drawn, and what the controls do.

// The page opens with as many levels as these allow: items, and how small the whole graph may become in the window.
const READABLE = 60;
const LEAST_OVERVIEW = 0.6;

class App {
  constructor(data) {
    this.controls = Object.fromEntries([...document.querySelectorAll("[id]")].map((e) => [e.id, e]));
    this.graph = new Graph(data);
    this.tree = new Tree(this.graph);
    this.svg = this.controls.graph;
    this.painter = new Painter(this.controls.world, this.tree);
    this.viewport = new Viewport(this.svg, this.controls.world);
    this.details = new Details(this.controls.details, this.tree);
    this.light = new Light(this.svg, this.tree, this.painter);
    this.search = new Search(this.controls.search, this.controls.found, this.tree, (item) => this.show(item));
    this.play = new Play(this, this.controls);
    this.countDepths();
    this.legend(this.controls.legend); // what stands beside the graph comes first: it takes its room
    this.details.show(null);
    this.openFirst();
    this.keys = new Keys(this);
    this.listen();
    new ResizeObserver(() => (this.viewport.fitted ? this.fit() : this.viewport.apply())).observe(this.svg);
  }

  /** How many items there are at each depth. */
  countDepths() {
    this.depths = [];
    for (let depth = 0; depth <= this.tree.deepest; depth++) {
      this.tree.openTo(depth);
      const count = Visible.count(this.tree, true);
      if (count > MOST_VISIBLE) break;
      this.depths.push(count);
    }
    // Deeper down there may be nothing left to open but parts, which stay closed.
    while (this.depths.length > 1 && this.depths.at(-1) === this.depths.at(-2)) this.depths.pop();
    this.controls.depth.max = this.depths.length - 1;
  }

  /** Open as many levels as stay readable. */
  openFirst() {
    let depth = this.depths.findLastIndex((count) => count <= READABLE);
    do {
      this.setDepth(Math.max(0, depth));
      this.refresh();
      this.fit();
    } while (this.viewport.zoom < LEAST_OVERVIEW && --depth > 0);
  }

  setDepth(depth) {
    this.tree.openTo(depth);
    this.controls.depth.value = depth;
    this.controls["depth-text"].textContent = `${depth} of ${this.depths.length - 1}`;
  }

  /** Draw again. If an item is given, it stays where it is in the window. */
  refresh(anchor = null) {
    const place = anchor && anchor.shown ? this.viewport.placeOf(anchor) : null;
    const had = this.svg.contains(document.activeElement);
    this.visible = new Visible(this.tree, this.controls.leaves.checked);
    new Layout(this.visible);
    this.painter.paint(this.visible);
    this.light.apply();
    this.play.mark();
    this.keys?.restore(had);
    if (place) this.viewport.bring(anchor, place);
  }

  fit() {
    this.viewport.fit(this.tree.root.w, this.tree.root.h);
  }

  itemOf(element) {
    const drawn = element.closest?.("[data-item]");
    return drawn ? this.tree.items[Number(drawn.dataset.item)] : null;
  }

  /** Open a closed box, or close an open one. */
  toggle(box) {
    box.open = !box.open;
    const count = Visible.count(this.tree, this.controls.leaves.checked);
    if (box.open && count > MOST_VISIBLE) {
      box.open = false;
      this.say(`${box.label} stays closed: with it, ${count.toLocaleString("en")} boxes would be open.`);
      return;
    }
    this.refresh(box);
    this.say(`${box.label || "box"} is ${box.open ? "open" : "closed"}.`);
  }

  /** Highlight what is linked to an item; null ends that. */
  choose(item) {
    this.light.select(item);
    if (!item) {
      this.say("");
      return;
    }
    this.details.show(item);
    const [up, down] = this.light.counts();
    this.say(`${this.nameOf(item)} depends on ${up.toLocaleString("en")} nodes; ${down.toLocaleString("en")} depend on it.`);
  }

  /** End what a search or a click began, and take back what was said of it. */
  settle() {
    if (this.light.selected) this.choose(null);
    this.search.clear();
    this.say("");
  }

  /** Make an item visible, highlight it and give it the focus. */
  show(item) {
    if (!item.isBox && this.graph.isLeaf(item.node)) this.controls.leaves.checked = true;
    this.tree.reveal(item);
    this.refresh();
    this.viewport.zoom = Math.max(this.viewport.zoom, 0.8);
    this.viewport.bring(item);
    this.choose(item);
    this.keys.focus(item);
  }

  nameOf(item) {
    return item.isBox ? item.label || item.kind : this.graph.called(item.node);
  }

  say(text) {
    this.controls.status.textContent = text;
  }

  listen() {
    const { controls, svg } = this;
    controls.depth.addEventListener("input", () => {
      this.setDepth(Number(controls.depth.value));
      this.refresh();
      this.fit();
    });
    controls.leaves.addEventListener("change", () => this.refresh());
    controls.gradients.disabled = this.light.range === null;
    controls.gradients.addEventListener("change", () => {
      this.light.gradients = controls.gradients.checked;
      this.light.apply();
      this.legend(controls.legend);
    });
    controls.fit.addEventListener("click", () => this.fit());
    controls["zoom-in"].addEventListener("click", () => this.viewport.scale(1.25));
    controls["zoom-out"].addEventListener("click", () => this.viewport.scale(0.8));
    svg.addEventListener("click", (event) => this.click(event));
    svg.addEventListener("dblclick", (event) => {
      const item = this.itemOf(event.target);
      if (item?.isBox && !event.target.matches(".sign, .grip")) this.toggle(item);
    });
    svg.addEventListener("pointerover", (event) => {
      const item = this.itemOf(event.target);
      if (item && !this.viewport.pointers.size) this.details.show(item);
    });
  }

  click(event) {
    if (this.viewport.moved) return;
    const item = this.itemOf(event.target);
    if (item?.isBox && event.target.matches(".sign, .grip")) this.toggle(item);
    else if (item && !item.open) this.choose(item);
    else this.choose(null);
  }

  legend(section) {
    const kinds = new Set(this.tree.items.map((item) => lookOf(item, this.tree)));
    const rows = Object.entries(this.graph.data.meanings).filter(([kind]) => kinds.has(kind)).map(([kind, meaning]) => {
      const sample = { kind, w: 34, h: 16, carries: false };
      const drawn = make("g", { class: `item ${kind}`, transform: "translate(3 9)" }, ...outlineOf(sample, kind));
      const row = element("li", meaning);
      row.prepend(make("svg", { width: 42, height: 28, "aria-hidden": "true" }, drawn));
      return row;
    });
    if (this.light.gradients) {
      const [least, most] = this.light.range;
      const bar = element("li", `norm ${least} to ${most}`, { class: "scale" });
      const blocks = this.light.scale.map((fill, k) => make("rect", { x: 10 * k, width: 10, height: 10, fill }));
      bar.prepend(make("svg", { width: 10 * this.light.scale.length, height: 12, "aria-hidden": "true" }, ...blocks));
      rows.push(bar);
    }
    const list = element("ul");
    list.append(...rows);
    section.replaceChildren(list);
  }
}

readData(document.getElementById("data").textContent)
  .then((data) => {
    window.minigrad = new App(data); // for tests, and for the curious
  })
  .catch((error) => {
    document.getElementById("status").textContent = `The graph cannot be shown: ${error.message}`;
    throw error;
  });

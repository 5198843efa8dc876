// Walking the tape: forward through all operations, then backward through all gradients, one node at a time.

class Play {
  /**
   * @param app what opens boxes and draws again.
   * @param controls the elements of the bar: play, back, on, at, speed, follow, story.
   */
  constructor(app, controls) {
    this.app = app;
    this.graph = app.graph;
    this.controls = controls;
    const derived = this.graph.data.nodes.backward; // what is a part of a backward pass itself
    this.forward = this.graph.operations.filter((i) => !derived[i]);
    this.hasNodes = derived.some((flag) => flag);
    this.backward = this.hasNodes ? [...derived.keys()].filter((i) => derived[i]) : this.graph.backwardOrder();
    this.length = this.forward.length + this.backward.length;
    this.position = 0; // how many nodes have been visited
    this.opened = new Set(); // boxes that following has opened
    this.timer = null;
    controls.at.max = this.length;
    controls.play.addEventListener("click", () => this.toggle());
    controls.on.addEventListener("click", () => this.go(this.position + 1));
    controls.back.addEventListener("click", () => this.go(this.position - 1));
    controls.at.addEventListener("input", () => this.go(Number(controls.at.value)));
  }

  /** The node that is being visited, and whether that is on the way back; null before the first. */
  get now() {
    if (!this.position) return null;
    const k = this.position - 1;
    const back = k >= this.forward.length;
    return { node: back ? this.backward[k - this.forward.length] : this.forward[k], back };
  }

  toggle() {
    if (this.timer !== null) {
      this.stop();
      return;
    }
    if (this.position >= this.length) this.position = 0;
    this.timer = 0;
    this.tell(true);
    this.tick();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.tell(false);
  }

  tell(playing) {
    this.controls.play.textContent = playing ? "Pause" : "Play";
    this.controls.play.setAttribute("aria-pressed", playing);
    this.controls.story.setAttribute("aria-live", playing ? "off" : "polite"); // nobody can listen so fast
  }

  tick() {
    if (this.position >= this.length) {
      this.stop();
      return;
    }
    this.show(this.position + 1);
    this.timer = setTimeout(() => this.tick(), 1000 / Number(this.controls.speed.value));
  }

  /** Go to a position by hand. */
  go(position) {
    this.stop();
    this.show(Math.min(this.length, Math.max(0, position)));
  }

  show(position) {
    this.app.settle();
    this.position = position;
    this.controls.at.value = position;
    const { now } = this;
    this.controls.story.textContent = now ? this.storyOf(now) : "";
    this.controls.at.setAttribute("aria-valuetext", this.controls.story.textContent);
    if (now && this.controls.follow.checked) this.followTo(this.app.tree.leaf[now.node]);
    this.mark();
    if (!now) return;
    this.app.details.show(this.app.tree.leaf[now.node]);
    const item = this.app.visible.items[this.app.visible.at[now.node]];
    if (item && this.controls.follow.checked) this.app.viewport.showItem(item);
  }

  /** Open what lies around an item, and close what was opened for the items before it. */
  followTo(item) {
    const around = new Set();
    for (let at = item.parent; at; at = at.parent) around.add(at);
    const leaving = [...this.opened].filter((box) => !around.has(box));
    if (!leaving.length && [...around].every((box) => box.open)) return;
    for (const box of leaving) {
      box.open = false;
      this.opened.delete(box);
    }
    for (const box of this.app.tree.reveal(item)) this.opened.add(box);
    this.app.refresh();
  }

  /** Show in the picture what was visited, what is visited now, and which values flow. */
  mark() {
    const { now } = this;
    const { visible, painter } = this.app;
    const current = now ? visible.items[visible.at[now.node]] : undefined;
    for (const [item, drawn] of painter.elements) {
      const { classList } = drawn;
      classList.toggle("playing", item === current);
      const turned = now !== null && now.back && !this.hasNodes;
      classList.toggle("visited", now !== null && (turned || item.last < now.node));
      classList.toggle("passed-back", turned && item.first > now.node);
    }
    for (const [edge, drawn] of painter.paths) {
      const flows = current !== undefined && edge.to === current && edge.from !== edge.to;
      const back = flows && now.back && !this.hasNodes;
      drawn.classList.toggle("flows", flows);
      drawn.classList.toggle("flows-back", back);
      if (back) drawn.firstChild.setAttribute("marker-start", "url(#head)");
      else drawn.firstChild.removeAttribute("marker-start");
    }
  }

  storyOf({ node, back }) {
    const { graph } = this;
    const { tree } = this.app;
    const name = graph.called(node);
    const label = name === graph.text("label", node) ? name : `${name} (${graph.text("label", node)})`;
    const where = tree.pathOf(tree.leaf[node]);
    const named = where ? `${label} in ${where}` : label;
    const norm = graph.norm(node) === null ? "" : ` of norm ${graph.norm(node)}`;
    if (!back) {
      const names = new Map();
      for (const e of graph.edgesInto(node)) {
        const name = graph.called(graph.source[e]);
        names.set(name, (names.get(name) ?? 0) + 1);
      }
      const read = [...names].slice(0, 4).map(([name, n]) => (n > 1 ? `${name} × ${n}` : name)).join(", ");
      const head = `Forward ${this.position} of ${this.forward.length}: ${named}`;
      return [`${head} reads ${read || "numbers"} and gives ${graph.text("shape", node)}.`, graph.does(node)].filter(Boolean).join(" ");
    }
    const head = `Backward ${this.position - this.forward.length} of ${this.backward.length}: ${named}`;
    if (this.hasNodes) return [`${head}${norm}.`, graph.does(node)].filter(Boolean).join(" ");
    if (graph.isLeaf(node)) return `${head}: all parts of its gradient have arrived and are added up${norm && `, ${norm.trim()}`}.`;
    const rules = rulesOf(node, graph).slice(0, 4);
    const parts = rules.map(ruleText).join("; ");
    return `${head} gets its gradient g${norm}.${parts ? ` ${parts}.` : ""}`;
  }
}

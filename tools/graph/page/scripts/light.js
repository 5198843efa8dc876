// Light on a part of the picture: what a box depends on and what depends on it, and the norms of gradients.

class Light {
  constructor(svg, tree, painter) {
    this.svg = svg;
    this.tree = tree;
    this.painter = painter;
    this.selected = null;
    this.gradients = false;
    const norms = tree.graph.data.nodes.norm.filter((norm) => norm > 0);
    const dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    this.scale = dark ? [...tree.graph.data.scale].reverse() : tree.graph.data.scale; // large norms stand out
    this.range = norms.length ? [leastOf(norms), mostOf(norms)] : null; // of all norms that are not zero
  }

  /** Highlight everything upstream and downstream of an item; null ends that. */
  select(item) {
    this.selected = item;
    if (item) {
      const nodes = this.tree.nodesOf(item);
      this.up = this.tree.graph.reach(nodes, this.tree.graph.inputs);
      this.down = this.tree.graph.reach(nodes, this.tree.graph.users);
    }
    this.apply();
  }

  /** Mark what is drawn now. */
  apply() {
    const { selected, tree, painter } = this;
    this.svg.classList.toggle("lit", selected !== null);
    for (const [item, drawn] of painter.elements) {
      const { classList } = drawn;
      const [up, down] = selected ? [this.reaches(item, this.up), this.reaches(item, this.down)] : [false, false];
      classList.toggle("selected", item === selected);
      classList.toggle("upstream", up && item !== selected);
      classList.toggle("downstream", down && item !== selected);
    }
    for (const [edge, drawn] of painter.paths) {
      const within = (flags) => this.touches(edge.from, flags) && this.touches(edge.to, flags);
      drawn.classList.toggle("upstream", selected !== null && within(this.up));
      drawn.classList.toggle("downstream", selected !== null && within(this.down));
      this.colour(edge, drawn);
    }
  }

  reaches(item, flags) {
    for (let k = item.from; k < item.to; k++) if (flags[this.tree.leafOrder[k]]) return true;
    return false;
  }

  touches(item, flags) {
    return item === this.selected || this.reaches(item, flags);
  }

  /** How many items are lit: [upstream, downstream], for whoever cannot see it. */
  counts() {
    const count = (flags) => flags.reduce((sum, flag) => sum + flag, 0);
    return [count(this.up), count(this.down)];
  }

  colour(edge, drawn) {
    const [path] = drawn.children;
    path.style.stroke = path.style.strokeWidth = "";
    if (!this.gradients) return;
    if (!edge.norm) return;
    const [least, most] = this.range;
    const at = Math.log(edge.norm / least) / (Math.log(most / least) || 1);
    path.style.stroke = this.scale[Math.round(at * (this.scale.length - 1))];
    path.style.strokeWidth = 0.8 + 4 * at;
  }
}

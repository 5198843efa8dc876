// What is to be seen of a tree whose boxes are open or closed: the items, and the edges between them.

const MOST_VISIBLE = 3000; // items; more of them nobody can read, and browsers draw them slowly

class Visible {
  /**
   * @param tree the tree, with its boxes open or closed.
   * @param leaves whether parameters and data are shown.
   */
  constructor(tree, leaves) {
    this.tree = tree;
    this.leaves = leaves;
    this.items = []; // closed boxes and leaves
    this.frames = []; // open boxes, outer ones first
    this.at = new Int32Array(tree.graph.count).fill(-1); // node -> the position in `items` of what shows it
    this.collect(tree.root);
    this.edges = this.collectEdges();
  }

  /** How many items there would be. */
  static count(tree, leaves) {
    const count = (item) => {
      if (item.isBox && item.open) return item.children.reduce((sum, child) => sum + count(child), 0);
      return leaves || item.isBox || !tree.graph.isLeaf(item.node) ? 1 : 0;
    };
    return count(tree.root);
  }

  collect(item) {
    const open = item.isBox && item.open;
    item.shown = open ? !item.children.every((child) => this.isHidden(child)) : !this.isHidden(item);
    if (!item.shown) return;
    if (open) {
      if (item !== this.tree.root) this.frames.push(item);
      for (const child of item.children) this.collect(child);
    } else {
      for (const i of this.tree.nodesOf(item)) this.at[i] = this.items.length;
      this.items.push(item);
    }
  }

  isHidden(item) {
    return !this.leaves && (item.isBox ? item.operations === 0 : this.tree.graph.isLeaf(item.node));
  }

  /**
   * One edge for all that flows from one item to another, states apart; with the greatest norm of a gradient that flows
   * along it, or null: from nodes that no gradient reached, none goes on.
   */
  collectEdges() {
    const { graph, isState } = this.tree;
    const found = new Map();
    const n = this.items.length;
    for (let e = 0; e < graph.source.length; e++) {
      const from = this.at[graph.source[e]];
      const to = this.at[graph.target[e]];
      if (from < 0 || to < 0 || from === to) continue;
      const key = (from * n + to) * 2 + isState[e];
      if (!found.has(key)) {
        const ends = { from: this.items[from], to: this.items[to] };
        found.set(key, { ...ends, state: isState[e] === 1, sources: new Set(), norm: null });
      }
      const edge = found.get(key);
      edge.sources.add(graph.source[e]);
      const norm = graph.norm(graph.target[e]) === null ? null : graph.norm(graph.source[e]);
      if (norm !== null) edge.norm = Math.max(edge.norm ?? 0, norm);
    }
    for (const item of this.items) {
      if (item.carries) found.set(`loop ${item.id}`, { from: item, to: item, state: true, sources: new Set(), norm: null });
    }
    return [...found.values()];
  }
}

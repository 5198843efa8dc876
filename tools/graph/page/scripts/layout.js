// Where everything stands: open boxes hold what is laid out inside of them; time runs from left to right.

const PAD = 12;
const TITLE = 20; // the line with the name of an open box
const COLUMN_GAP = 72; // room for the shapes of states
const LOOP = 16; // room around a box for the loop of its state
const FONT = "12px system-ui, sans-serif";
const SMALL_FONT = "10px system-ui, sans-serif";

const measure = (() => {
  const context = document.createElement("canvas").getContext("2d");
  const known = new Map();
  return (text, font) => {
    const key = font + text;
    if (!known.has(key)) {
      context.font = font;
      known.set(key, context.measureText(text).width);
    }
    return known.get(key);
  };
})();

/** The two lines of text in a closed box or a leaf. */
function linesOf(item, graph) {
  if (item.isBox) {
    const count = item.operations === 1 ? "1 operation" : `${item.operations.toLocaleString("en")} operations`;
    return [shortened(item.label || "scope", 40), item.kind === "range" ? rangeText(item.step) : count];
  }
  const i = item.node;
  if (graph.isConstant(i)) return [shortened(`${graph.text("name", i)} ${graph.contents(i)}`.trim(), 32), ""];
  const detail = graph.text("detail", i) || graph.text("shape", i);
  const name = graph.called(i);
  return [shortened(name, 32), shortened(name === item.label ? detail : `${item.label === "leaf" ? "" : item.label} ${detail}`.trim(), 32)];
}

function rangeText([first, last]) {
  return `t = ${first} … ${last}`;
}

/** What stands at the top of an open box. */
function titleOf(box) {
  return box.kind === "range" ? rangeText(box.step) : box.label || "scope";
}

function shortened(text, limit) {
  return text.length <= limit ? text : `${text.slice(0, limit - 1)}…`;
}

const inside = (item, box) => box.from <= item.from && item.to <= box.to;

class Layout {
  /** Sets x, y, w, h (of the upper left corner, absolute) of all items and frames of what is visible. */
  constructor(visible) {
    this.visible = visible;
    this.graph = visible.tree.graph;
    this.linksIn = this.gather();
    this.markSides();
    const { frames } = visible;
    for (const item of [...visible.items, ...frames]) item.columnWidth = 0;
    for (const item of visible.items) this.measureLeaf(item);
    for (let k = frames.length - 1; k >= 0; k--) this.arrange(frames[k]);
    if (this.alignColumns()) for (let k = frames.length - 1; k >= 0; k--) this.arrange(frames[k]);
    this.arrange(visible.tree.root);
    visible.tree.root.x = visible.tree.root.y = 0;
    for (const frame of [visible.tree.root, ...frames]) {
      for (const child of this.childrenOf(frame)) {
        child.x = frame.x + child.left;
        child.y = frame.y + child.top;
      }
    }
    const second = this.backwardFrame();
    for (const edge of visible.edges) {
      edge.bends = this.bendsOf(edge);
      const into = second && edge.box === visible.tree.root && inside(edge.to, second) && !inside(edge.from, second);
      edge.across = into ? second.x - COLUMN_GAP / 2 : null;
    }
  }

  /** The box of a backward pass that stands beside the forward pass; undefined if there is none. */
  backwardFrame() {
    const children = this.childrenOf(this.visible.tree.root);
    if (children.length < 2) return undefined;
    return children.find((child) => child.isBox && this.graph.data.nodes.backward[child.first]);
  }

  /** Where an edge passes rows of other boxes: [x, lower y, upper y], from below. */
  bendsOf(edge) {
    return (edge.links ?? []).flatMap(([box, link]) => {
      const [dx, dy] = [box.x + box.inset[0], box.y + box.inset[1]];
      return (box.bends?.get(link) ?? []).map(([x, lower, upper]) => [x + dx, lower + dy, upper + dy]);
    });
  }

  childrenOf(frame) {
    return frame.children.filter((child) => child.shown);
  }

  /**
   * For each open box the links through it, as pairs of what it holds directly; null stands for something outside. An
   * edge leaves all boxes around its source at their tops, and enters those around its target from below.
   */
  gather() {
    const links = new Map();
    for (const edge of this.visible.edges) {
      if (edge.from === edge.to) continue;
      const box = this.visible.tree.common(edge.from, edge.to);
      edge.box = box;
      edge.links = [];
      let a = edge.from;
      let b = edge.to;
      for (; a.parent !== box; a = a.parent) edge.links.push([a.parent, `${a.id} up`, [a, null]]);
      const entering = [];
      for (; b.parent !== box; b = b.parent) entering.unshift([b.parent, `${b.id} down`, [null, b]]);
      edge.links.push([box, `${a.id} ${b.id}`, [a, b]], ...entering);
      if (edge.state) edge.links = edge.links.filter(([inside]) => inside === box); // they go from side to side
      for (const [inside, key, pair] of edge.links) {
        if (!links.has(inside)) links.set(inside, new Map());
        links.get(inside).set(key, pair);
      }
    }
    return links;
  }

  /** On which side of what is around it an item receives states from earlier steps, or hands them on. */
  markSides() {
    for (const item of [...this.visible.items, ...this.visible.frames]) item.side = 0;
    for (const { from, to, state, box } of this.visible.edges) {
      if (!state || from === to) continue;
      const [source, target] = [from, to].map((end) => {
        const around = [end];
        while (around.at(-1).parent !== box) around.push(around.at(-1).parent);
        return around;
      });
      const forward = box.children.indexOf(source.at(-1)) < box.children.indexOf(target.at(-1)) ? 1 : -1;
      for (const at of source) at.side = forward;
      for (const at of target) at.side = -forward;
    }
  }

  measureLeaf(item) {
    const [first, second] = linesOf(item, this.graph);
    const bold = item.isBox ? "600 " : "";
    const quiet = !item.isBox && this.graph.isConstant(item.node);
    const text = Math.max(measure(first, quiet ? SMALL_FONT : bold + FONT), measure(second, SMALL_FONT));
    const extra = { data: 34, state: 30, range: 30 }[item.kind] ?? 22;
    item.w = Math.max(36, Math.ceil(text) + extra + (item.isBox ? 16 : 0));
    item.h = second ? 38 : quiet ? 20 : 26;
    if (item.carries) {
      item.w += 2 * LOOP;
      item.h += LOOP;
    }
  }

  arrange(frame) {
    const children = this.childrenOf(frame);
    const inTime = frame.kind === "axis" || frame.kind === "range";
    const size = inTime ? this.inColumns(children) : this.inPasses(frame, children);
    frame.inset = [0, 0];
    frame.bends = size.bends;
    if (frame.kind === "root") {
      frame.w = size.w;
      frame.h = size.h;
      return;
    }
    const inner = Math.max(size.w, measure(titleOf(frame), `600 ${FONT}`) + 24, frame.columnWidth - 2 * PAD);
    frame.inset = [PAD + (inner - size.w) / 2, PAD + TITLE];
    for (const child of children) {
      child.left += frame.inset[0];
      child.top += frame.inset[1];
    }
    frame.w = inner + 2 * PAD;
    frame.h = size.h + 2 * PAD + TITLE;
  }

  /** Steps from left to right, their tops in line: what they hand on is computed at the top. */
  inColumns(children) {
    let x = 0;
    for (const child of children) {
      const width = Math.max(child.w, child.columnWidth);
      child.left = x + (width - child.w) / 2;
      child.top = 0;
      x += width + COLUMN_GAP;
    }
    const h = Math.max(...children.map((child) => child.h));
    const bends = new Map(); // edges go straight up and down, between the other steps
    for (const child of children) {
      if (!child.open) child.top = (h - child.h) / 2;
      const middle = child.left + child.w / 2;
      bends.set(`${child.id} up`, [[middle, child.top, 0]]);
      bends.set(`${child.id} down`, [[middle, h, child.top + child.h]]);
    }
    return { w: x - COLUMN_GAP, h, bends };
  }

  /** The backward pass to the right of everything else; without one, all in layers. */
  inPasses(frame, children) {
    const second = frame.kind === "root" ? this.backwardFrame() : undefined;
    if (!second) return this.inLayers(frame, children);
    const first = this.inLayers(
      frame,
      children.filter((child) => child !== second),
    );
    const h = Math.max(first.h, second.h);
    const down = h - first.h;
    for (const child of children) child.top += down;
    for (const bends of first.bends.values()) bends.forEach((bend) => ((bend[1] += down), (bend[2] += down)));
    second.left = first.w + COLUMN_GAP;
    second.top = h - second.h;
    return { ...first, w: second.left + second.w, h };
  }

  inLayers(frame, children) {
    const position = new Map(children.map((child, i) => [child, i]));
    const given = [...(this.linksIn.get(frame) ?? [])];
    const links = new Map(given.filter(([, pair]) => pair.every((item) => item === null || position.has(item))));
    const pairs = [...links.values()].map((pair) => pair.map((item) => position.get(item) ?? null));
    const size = placeInLayers(children, pairs);
    return { ...size, bends: new Map([...links.keys()].map((link, k) => [link, size.bends[k]])) };
  }

  /** Columns of the same step on different time axes, such as those of two layers, become equally wide. */
  alignColumns() {
    const widest = new Map();
    const columns = [];
    for (const axis of this.visible.frames) {
      if (axis.kind !== "axis") continue;
      const kin = `${axis.step} ${axis.children.length}`;
      for (const column of this.childrenOf(axis)) {
        const key = `${kin} ${column.step}`;
        columns.push([column, key]);
        widest.set(key, Math.max(widest.get(key) ?? 0, column.w));
      }
    }
    for (const [column, key] of columns) column.columnWidth = widest.get(key);
    return columns.some(([column, key]) => column.w !== widest.get(key));
  }
}

// The tree of what can be opened and closed: modules, time axes, steps, and parts of long ones. Its leaves are the nodes.

const MOST_STEPS = 12; // a longer time axis shows the first steps, the last ones, and ranges between them
const MOST_CHILDREN = 200; // of other boxes; of more of them, neighbours in time are put together
const PARTS = 10; // into so many, about
const SHOWN_BEFORE = 2;
const SHOWN_AFTER = 2;

class Item {
  constructor(kind, label, parent) {
    this.kind = kind; // "module", "axis", "step", "range" (of steps), "part" (of a module), or the kind of a node
    this.label = label;
    this.parent = parent;
    this.depth = 0;
    this.children = null; // of what can be opened
    this.open = false;
    this.node = -1; // of a leaf
    this.step = null; // of a step, a range or an axis [first, last]
    this.carries = false; // whether a state goes from step to step inside
    this.first = Infinity; // the lowest node in it
    this.last = -1; // the highest
    this.operations = 0;
    this.from = 0; // its leaves are leafOrder[from] to leafOrder[to]
    this.to = 0;
    if (parent) parent.children.push(this);
  }

  get isBox() {
    return this.children !== null;
  }
}

class Tree {
  constructor(graph) {
    this.graph = graph;
    this.root = new Item("root", "", null);
    this.root.children = [];
    this.root.open = true;
    this.boxes = [this.root]; // parents before children
    this.leaf = new Array(graph.count); // node -> its item
    this.places = [this.root]; // of the scopes, by number
    this.axes = new Map(); // parent's number and name -> axis
    // Boxes are made for the first node in them: so what a box holds is in the order of time.
    for (let i = 0; i < graph.count; i++) this.addLeaf(i);
    for (const box of [...this.boxes]) this.arrange(box);
    this.number();
    this.markCarried();
  }

  addLeaf(i) {
    const { graph } = this;
    const item = new Item(graph.kind[i], graph.text("label", i), this.placeOf(graph.data.nodes.scope[i]));
    item.node = item.first = item.last = i;
    item.operations = graph.isLeaf(i) ? 0 : 1;
    this.leaf[i] = item;
  }

  addBox(kind, label, parent) {
    const box = new Item(kind, label, parent);
    box.children = [];
    this.boxes.push(box);
    return box;
  }

  /** The box of a scope. */
  placeOf(s) {
    if (this.places[s]) return this.places[s];
    const { parent, name, step } = this.graph.data.scopes;
    const label = this.graph.data.texts[name[s]];
    const outer = this.placeOf(parent[s]);
    if (step[s] < 0) return (this.places[s] = this.addBox("module", label, outer));
    const key = `${parent[s]} ${label}`;
    if (!this.axes.has(key)) this.axes.set(key, this.addBox("axis", label, outer));
    const place = this.addBox("step", `t = ${step[s]}`, this.axes.get(key));
    place.step = [step[s], step[s]];
    return (this.places[s] = place);
  }

  /** Sort the steps of an axis, name it after what they do, and divide what is too much to be looked at. */
  arrange(box) {
    if (box.kind !== "axis") {
      if (box.children.length <= MOST_CHILDREN) return;
      const positions = new Map(box.children.map((child, i) => [child, i]));
      this.divide(box, (child) => positions.get(child), "part", "nodes", PARTS);
      return;
    }
    const steps = box.children.sort((a, b) => a.step[0] - b.step[0]);
    const last = steps.length - 1;
    box.step = [steps[0].step[0], steps[last].step[0]];
    const modules = steps[0].children.filter((item) => item.kind === "module").map((item) => item.label);
    box.label = `${modules.slice(0, 3).join(", ") || box.label || "step"} × ${steps.length}`;
    if (steps.length <= MOST_STEPS) return;
    const middle = this.addPart("range", box, steps.slice(SHOWN_BEFORE, -SHOWN_AFTER), "steps");
    box.children = [...steps.slice(0, SHOWN_BEFORE), middle, ...steps.slice(-SHOWN_AFTER)];
    this.divide(middle, (step) => step.step[0], "range", "steps", MOST_STEPS);
  }

  /** Divide the children of a box into parts by a number that each has, and these again while they are large. */
  divide(box, numberOf, kind, what, most) {
    const waiting = [box];
    while (waiting.length) {
      const whole = waiting.pop();
      const members = whole.children;
      if (members.length <= most) continue;
      const size = 10 ** Math.ceil(Math.log10(members.length / PARTS));
      const parts = new Map();
      for (const member of members) {
        const part = Math.floor(numberOf(member) / size);
        if (!parts.has(part)) parts.set(part, []);
        parts.get(part).push(member);
      }
      if (parts.size < 2) continue;
      whole.children = [];
      for (const own of parts.values()) {
        const part = own.length > 1 ? this.addPart(kind, whole, own, what) : own[0];
        if (own.length > 1) waiting.push(part);
        else part.parent = whole;
        whole.children.push(part);
      }
    }
  }

  /** A box for some of the children of another one. */
  addPart(kind, parent, members, what) {
    const part = new Item(kind, `${members.length} ${what}`, null);
    part.parent = parent;
    part.children = members;
    if (kind === "range") part.step = [members[0].step[0], members[members.length - 1].step[0]];
    for (const member of members) member.parent = part;
    return part;
  }

  /** Number the items and their leaves from the root, so that what an item holds is one stretch of leaves. */
  number() {
    this.items = [];
    this.leafOrder = [];
    this.deepest = 0;
    const visit = (item) => {
      item.id = this.items.push(item) - 1;
      item.depth = item.parent ? item.parent.depth + 1 : 0;
      this.deepest = Math.max(this.deepest, item.depth);
      item.from = this.leafOrder.length;
      if (!item.isBox) this.leafOrder.push(item.node);
      for (const child of item.children ?? []) {
        visit(child);
        item.first = Math.min(item.first, child.first);
        item.last = Math.max(item.last, child.last);
        item.operations += child.operations;
      }
      item.to = this.leafOrder.length;
    };
    visit(this.root);
  }

  /** Find the edges that carry a state from one time step to another, and the boxes in which they do. */
  markCarried() {
    const { graph } = this;
    this.isState = new Uint8Array(graph.source.length);
    this.handsOn = new Uint8Array(graph.count);
    for (let e = 0; e < graph.source.length; e++) {
      if (graph.isLeaf(graph.source[e])) continue;
      const meeting = this.common(this.leaf[graph.source[e]], this.leaf[graph.target[e]]);
      if (meeting.kind !== "axis" && meeting.kind !== "range") continue;
      this.isState[e] = 1;
      this.handsOn[graph.source[e]] = 1;
      for (let box = meeting; ; box = box.parent) {
        box.carries = true;
        if (box.kind === "axis") break;
      }
    }
  }

  /** The innermost box that holds both items. */
  common(a, b) {
    while (a !== b) {
      if (a.depth >= b.depth) a = a.parent;
      else b = b.parent;
    }
    return a;
  }

  /** The nodes that an item stands for. */
  nodesOf(item) {
    return this.leafOrder.slice(item.from, item.to);
  }

  /** Open all that lies around an item. Returns what was closed before. */
  reveal(item) {
    const opened = [];
    for (let at = item.parent; at; at = at.parent) {
      if (!at.open) opened.push(at);
      at.open = true;
    }
    return opened;
  }

  /** Open what has fewer than `depth` open boxes around it, and close the rest. Parts of long ones stay closed. */
  openTo(depth) {
    for (const item of this.items) {
      const part = item.kind === "range" || item.kind === "part";
      item.open = item === this.root || (item.isBox && !part && item.depth <= depth);
    }
  }

  /** Where an item is, from outside. */
  pathOf(item) {
    const names = [];
    for (let at = item.parent; at && at.kind !== "root"; at = at.parent) {
      if (at.kind === "module" || at.kind === "step") names.unshift(at.label.replace("t = ", "t="));
    }
    return names.join(" › ");
  }
}

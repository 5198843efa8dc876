// Drawing what is visible, as SVG. Texts are always written as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const MOST_LABELS = 400; // edges; with more of them, shapes stand in the details alone

function make(name, attributes = {}, ...content) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content);
  return element;
}

/**
 * What an item looks like: the kind of a node or a box, but "state" for what is handed on to other steps, and
 * "derivative" for what belongs to a backward pass.
 */
function lookOf(item, tree) {
  if (item.kind !== "operation") return item.kind;
  if (tree.handsOn[item.node]) return "state";
  return tree.graph.data.nodes.backward[item.node] ? "derivative" : "operation";
}

function outlineOf(item, look) {
  const loop = item.carries ? LOOP : 0;
  const [x, y, w, h] = [loop, loop, item.w - 2 * loop, item.h - loop];
  switch (look) {
    case "state":
      return [make("ellipse", { cx: x + w / 2, cy: y + h / 2, rx: w / 2, ry: h / 2 })];
    case "derivative":
      return [make("path", { d: `M${x + 9} ${y}H${x + w - 9}L${x + w} ${y + h / 2}L${x + w - 9} ${y + h}H${x + 9}L${x} ${y + h / 2}Z` })];
    case "data":
      return [make("path", { d: `M${x + 8} ${y}H${x + w}L${x + w - 8} ${y + h}H${x}Z` })];
    case "parameter":
      return [make("path", { d: `M${x} ${y}H${x + w - 7}L${x + w} ${y + 7}V${y + h}H${x}Z` })];
    case "output":
      return [make("rect", { x, y, width: w, height: h }), make("rect", { x: x + 3, y: y + 3, width: w - 6, height: h - 6 })];
    case "axis":
      return [8, 4, 0].map((d) => make("rect", { x: x + d, y: y - d, width: w - d, height: h, rx: 3 }));
    case "operation":
      return [make("rect", { x, y, width: w, height: h, rx: 8 })];
    default:
      return [make("rect", { x, y, width: w, height: h, rx: 3 })];
  }
}

class Painter {
  constructor(world, tree) {
    this.world = world;
    this.tree = tree;
    this.elements = new Map(); // item -> its element
    this.paths = []; // [edge, its element: the path first, then its label if it has one]
  }

  paint(visible) {
    this.elements.clear();
    this.paths = [];
    this.labels = new Map();
    this.labelled = visible.edges.length <= MOST_LABELS ? new Set() : null;
    this.boxes = new Boxes(visible.items);
    this.ways = 0;
    const frames = visible.frames.map((frame) => this.frame(frame));
    const edges = visible.edges.map((edge) => this.edge(edge));
    const items = visible.items.map((item) => this.item(item));
    this.world.replaceChildren(...frames, ...edges, ...items);
  }

  frame(frame) {
    return this.known(
      frame,
      make(
        "g",
        { class: `frame ${frame.kind}`, transform: `translate(${frame.x} ${frame.y})`, ...this.spoken(frame) },
        make("rect", { width: frame.w, height: frame.h, rx: 6 }),
        make("rect", { class: "grip", width: frame.w, height: TITLE, rx: 6 }),
        make("text", { class: "sign", x: 8, y: 15 }, "−"),
        make("text", { x: 22, y: 15 }, titleOf(frame)),
      ),
    );
  }

  item(item) {
    const look = lookOf(item, this.tree);
    const loop = item.carries ? LOOP : 0;
    const middle = item.w / 2 + (item.isBox ? 6 : 0);
    const [first, second] = linesOf(item, this.tree.graph);
    const y = loop + (item.h - loop) / 2;
    const quiet = !item.isBox && this.tree.graph.isConstant(item.node) ? " constant" : "";
    const place = { class: `item ${look}${quiet}`, transform: `translate(${item.x} ${item.y})` };
    const group = make("g", { ...place, ...this.spoken(item) }, ...outlineOf(item, look));
    if (item.isBox) group.append(make("text", { class: "sign", x: loop + 8, y: y + 4 }, "+"));
    group.append(make("text", { class: "name", x: middle, y: second ? y - 2 : y + 4 }, first));
    if (second) group.append(make("text", { class: "small", x: middle, y: y + 12 }, second));
    return this.known(item, group);
  }

  known(item, element) {
    element.dataset.item = item.id;
    this.elements.set(item, element);
    return element;
  }

  /** What a screen reader says of an item. */
  spoken(item) {
    const { graph } = this.tree;
    const said = [item.isBox ? item.label || item.kind : graph.called(item.node)];
    if (item.isBox) said.push(item.kind, `${item.operations} operations`);
    else said.push(lookOf(item, this.tree), graph.text("shape", item.node));
    const where = this.tree.pathOf(item);
    if (where) said.push(`in ${where}`);
    const state = item.isBox ? { "aria-expanded": item.open } : {};
    return { role: item.isBox ? "button" : "img", tabindex: -1, "aria-label": said.filter(Boolean).join(", "), ...state };
  }

  edge(edge) {
    const { from } = edge;
    const path = make("path", { d: this.wayOf(edge), "marker-end": "url(#head)" });
    const given = from.kind === "parameter" || from.kind === "data";
    const kind = edge.state ? "state" : given ? "parameter" : edge.across ? "across" : "value";
    const group = make("g", { class: `edge ${kind}`, "aria-hidden": "true" });
    group.append(path);
    if (!given) this.label(edge, group);
    this.paths.push([edge, group]);
    return group;
  }

  /** The simple curve of an edge, or a way around if boxes are in front of that. */
  wayOf(edge) {
    const curves = curvesOf(edge);
    if (edge.from === edge.to || edge.across || this.ways >= MOST_WAYS) return pathOf(curves);
    if (!this.boxes.cover(partsOf(curves), edge)) return pathOf(curves);
    const [start, end] = [curves[0], curves.at(-1).slice(-2)];
    const side = edge.state ? (edge.to.x >= edge.from.x ? [1, 0] : [-1, 0]) : [0, -1];
    const corners = wayAround(edge, [...start, ...side], [...end, ...side], this.ways++);
    return corners ? rounded(corners) : pathOf(curves);
  }

  /** The shape of the values, at the beginning of their edge; once where several edges begin with the same values. */
  label(edge, group) {
    const shapes = new Set([...edge.sources].map((i) => this.tree.graph.text("shape", i)));
    const [shape] = shapes;
    const key = `${edge.from.id} ${edge.state} ${shape} ${edge.sources.size}`;
    if (!this.labelled || this.labelled.has(key) || shapes.size !== 1) return;
    this.labelled.add(key);
    const [x, start] = startOf(edge);
    const place = `${edge.from.id} ${edge.state} ${edge.to.x >= edge.from.x}`; // others may begin at the same place
    const before = this.labels.get(place) ?? 0;
    this.labels.set(place, before + 1);
    const above = 11 * before + (!edge.state && edge.from.carries ? LOOP : 0); // the loop of a state is there
    const y = start - 6 - above;
    const text = edge.sources.size > 1 ? `${edge.sources.size} × (${shape})` : shape;
    const to = edge.to.x >= edge.from.x ? 6 : -6 - measure(text, SMALL_FONT);
    group.append(make("text", { x: edge.state ? x + to : x + 5, y }, text));
  }
}

/** Where an edge begins, and its label. */
function startOf({ from, to, state }) {
  const loop = from.carries ? LOOP : 0;
  if (!state) return [from.x + from.w / 2, from.y + loop];
  const y = from.y + loop + (from.h - loop) / 2;
  return to.x >= from.x ? [from.x + from.w - loop, y] : [from.x + loop, y];
}

/**
 * The curve of an edge: where it begins, then for each part the numbers of a Bézier curve, [u, v] for a straight line.
 * Values go from the top of a box to the bottom of the next, states from side to side.
 */
function curvesOf(edge) {
  const { from, to } = edge;
  if (from === to) return [loopOf(from)];
  const [x, y] = startOf(edge);
  const loop = to.carries ? LOOP : 0;
  if (edge.state) {
    const forward = to.x >= from.x;
    const [u, v] = [forward ? to.x + loop : to.x + to.w - loop, to.y + loop + (to.h - loop) / 2];
    const bend = (forward ? 1 : -1) * Math.max(16, Math.abs(u - x) / 2);
    return [[x, y], [x + bend, y, u - bend, v, u, v]];
  }
  if (edge.across) return [acrossOf(edge, x, y)];
  const curves = [[x, y]];
  let [px, py] = [x, y];
  for (const [u, lower, upper] of [...edge.bends, [to.x + to.w / 2, to.y + to.h, to.y + to.h]]) {
    const bend = Math.max(10, Math.abs(py - lower) / 2);
    curves.push([px, py - bend, u, lower + bend, u, lower]);
    if (upper < lower) curves.push([u, upper]);
    [px, py] = [u, upper];
  }
  return curves;
}

/** A curve as the path of an SVG. */
function pathOf([start, ...parts]) {
  if (typeof start === "string") return start;
  return `M${start.join(" ")}` + parts.map((part) => `${part.length === 2 ? "L" : "C"}${part.join(" ")}`).join("");
}

/** The parts of a curve, each with its four points. */
function partsOf([start, ...parts]) {
  let [x, y] = start;
  return parts.map((part) => {
    const [u, v] = part.slice(-2);
    const [a, b, c, d] = part.length === 2 ? [x, y, u, v] : part;
    const points = [[x, y], [a, b], [c, d], [u, v]];
    [x, y] = [u, v];
    return points;
  });
}

/** From the forward pass to the backward pass beside it: over the top, and down between the two. */
function acrossOf({ to, across }, x, y) {
  const [u, v] = [to.x + to.w / 2, to.y + to.h];
  const r = 24;
  return `M${x} ${y}C${x} ${y - r} ${across} ${y - r} ${across} ${y}V${v}C${across} ${v + r} ${u} ${v + r} ${u} ${v}`;
}

/** A state that goes from each step to the next inside of a closed box: out on the right, back on the left. */
function loopOf(item) {
  const [left, right] = [item.x + LOOP, item.x + item.w - LOOP];
  const middle = item.y + LOOP + (item.h - LOOP) / 2;
  const [above, r] = [item.y - 2, LOOP];
  return (
    `M${right} ${middle}h${r / 2}q${r / 2} 0 ${r / 2} ${-r / 2}V${above + r}q0 ${-r} ${-r} ${-r}` +
    `H${left}q${-r} 0 ${-r} ${r}V${middle - r / 2}q0 ${r / 2} ${r / 2} ${r / 2}H${left}`
  );
}

// The graph: columns of values, one entry a node, as `data.py` wrote them.

/** Read what the page holds: JSON, compressed by gzip, in base64. */
async function readData(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

class Graph {
  constructor(data) {
    const { nodes, edges, texts } = data;
    this.data = data;
    this.count = nodes.kind.length;
    this.kind = nodes.kind.map((i) => texts[i]);
    this.source = Int32Array.from(edges.source);
    this.target = Int32Array.from(edges.target);
    this.operand = Int32Array.from(edges.operand);
    this.inputs = adjacency(this.count, this.target, this.source); // the edges that end at a node are in order
    this.users = adjacency(this.count, this.source, this.target);
    this.hasDetails = nodes.source.some((i) => texts[i]); // which a tape notes, if it is asked to
    this.operations = [...this.kind.keys()].filter((i) => !this.isLeaf(i));
  }

  text(column, i) {
    return this.data.texts[this.data.nodes[column][i]];
  }

  isLeaf(i) {
    return this.kind[i] === "parameter" || this.kind[i] === "data";
  }

  norm(i) {
    return this.data.nodes.norm[i];
  }

  /** Whether no gradient flows to this data. */
  isConstant(i) {
    return this.kind[i] === "data" && this.text("label", i) === "constant";
  }

  /** What a node is called: a variable of the program if it is one, or what it is. */
  called(i) {
    const label = this.text("label", i);
    const name = this.kind[i] === "output" || this.kind[i] === "data" ? this.text("name", i) : "";
    return name || (this.isConstant(i) ? `data ${this.contents(i)}` : label);
  }

  /** The shape of a node, and its type if that is not floats. */
  contents(i) {
    const [shape, dtype] = [this.text("shape", i), this.text("dtype", i)];
    return dtype.includes("float") ? shape : `${dtype} ${shape}`.trim();
  }

  /** What an operation does, in a sentence; empty for others. */
  does(i) {
    return this.isLeaf(i) ? "" : (this.data.primitives[this.text("label", i)]?.does ?? "");
  }

  /** The edges that end at a node, in the order of its inputs, as numbers. */
  edgesInto(i) {
    return [...this.inputs.edge.slice(this.inputs.first[i], this.inputs.first[i + 1])];
  }

  /** Everything that the nodes depend on (links = inputs) or that depends on them (links = users), as flags. */
  reach(starts, links) {
    const reached = new Uint8Array(this.count);
    const waiting = [];
    const follow = (i) => {
      for (let k = links.first[i]; k < links.first[i + 1]; k++) {
        const j = links.to[k];
        if (!reached[j]) {
          reached[j] = 1;
          waiting.push(j);
        }
      }
    };
    for (const i of starts) follow(i);
    while (waiting.length) follow(waiting.pop());
    return reached;
  }

  /** The nodes that a gradient reaches, the last one recorded first: the order of the backward pass. */
  backwardOrder() {
    const fromLast = [...this.kind.keys()].reverse();
    const withNorm = fromLast.filter((i) => this.norm(i) !== null);
    if (withNorm.some((i) => !this.isLeaf(i))) return withNorm;
    const last = this.operations.findLast((i) => this.kind[i] === "output") ?? this.operations.at(-1);
    const reached = this.reach([last], this.inputs);
    return fromLast.filter((i) => i === last || (reached[i] && !this.isConstant(i)));
  }
}

const leastOf = (numbers) => numbers.reduce((a, b) => Math.min(a, b));
const mostOf = (numbers) => numbers.reduce((a, b) => Math.max(a, b));

/** For each of n nodes the ends of its edges: those of node i are to[first[i]] up to to[first[i + 1]]. */
function adjacency(n, from, to) {
  const first = new Int32Array(n + 1);
  for (const i of from) first[i + 1]++;
  for (let i = 0; i < n; i++) first[i + 1] += first[i];
  const next = first.slice();
  const ends = new Int32Array(from.length);
  const edge = new Int32Array(from.length);
  for (let e = 0; e < from.length; e++) {
    const k = next[from[e]]++;
    ends[k] = to[e];
    edge[k] = e;
  }
  return { first, to: ends, edge };
}

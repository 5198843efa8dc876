// What is known of an item, beside the picture.

function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

const HINT =
  "Values, gradients and lines of the program are known of what was recorded on minigrad.Tape(details=True): draw that tape.";

function bytesText(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  const unit = Math.min(3, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** unit).toPrecision(3)} ${["", "KiB", "MiB", "GiB"][unit]}`;
}

function summaryText(summary) {
  if (!summary) return "";
  const [min, mean, max, std, strange] = summary;
  const range = min === max ? `${mean}` : `${min} … ${max}, mean ${mean}, deviation ${std}`;
  return strange ? `${range}; ${strange} not finite` : range;
}

/** The rows of the table of details: [what, text]. Empty texts are left out. */
function factsOf(item, tree) {
  const { graph } = tree;
  const where = ["in", tree.pathOf(item)];
  if (item.isBox) {
    const nodes = [...tree.nodesOf(item)];
    const operations = nodes.filter((i) => !graph.isLeaf(i));
    const saved = operations.reduce((sum, i) => sum + (graph.data.nodes.bytes[i] ?? 0), 0);
    const norms = operations.map((i) => graph.norm(i)).filter((norm) => norm !== null);
    const parameters = nodes.filter((i) => graph.kind[i] === "parameter");
    return [
      where,
      ["operations", item.operations.toLocaleString("en")],
      ["parameters", parameters.map((i) => `${graph.text("label", i)} ${graph.text("shape", i)}`).join(", ")],
      ["saved", saved ? `${bytesText(saved)} for backward` : ""],
      ["gradient norms", norms.length ? `${leastOf(norms)} … ${mostOf(norms)}` : ""],
    ];
  }
  const i = item.node;
  const { bytes, value, grad } = graph.data.nodes;
  const norm = graph.norm(i);
  return [
    ["name", graph.kind[i] === "parameter" ? graph.text("name", i) : ""],
    ["operation", graph.kind[i] === "output" && graph.called(i) !== graph.text("label", i) ? graph.text("label", i) : ""],
    where,
    ["shape", graph.text("shape", i)],
    ["dtype", graph.text("dtype", i)],
    ["settings", graph.text("detail", i)],
    ["saved", bytes[i] ? `${bytesText(bytes[i])} for backward` : ""],
    ["value", summaryText(value[i])],
    ["gradient", summaryText(grad[i])],
    ["gradient norm", norm === null ? "" : `${norm}`],
    ["line", graph.text("source", i)],
    ["code", graph.text("code", i)],
    ["does", graph.does(i)],
  ];
}

/** What the inputs of an operation receive in backward, each by its name; those of a list that are alike in one line. */
function rulesOf(i, graph) {
  const known = graph.data.primitives[graph.text("label", i)] ?? {};
  const rules = known.rules ?? [];
  const names = known.inputs ?? [];
  const lines = new Map();
  for (const e of graph.edgesInto(i)) {
    const rule = rules[Math.min(graph.operand[e], rules.length - 1)];
    if (!rule || graph.isConstant(graph.source[e])) continue;
    const called = graph.called(graph.source[e]);
    const key = names.length === 1 ? `${called} ${rule}` : e; // of a list, those that are alike
    if (!lines.has(key)) lines.set(key, { called, rule, places: [] });
    lines.get(key).places.push(graph.operand[e]);
  }
  return [...lines.values()].map(({ called, rule, places }) => {
    const several = places.length > 1 ? ` × ${places.length}` : "";
    return [`${inputText(places, names)}${called}${several}`, rule, places.length > 1];
  });
}

/** Which inputs these are: `x: `, `x, y: `, `inputs 0 … 34: ` of a list; nothing if there is only one that it can be. */
function inputText(places, names) {
  if (names.length === 1 && names[0] === "xs") {
    const [first, last] = [places[0], places.at(-1)];
    if (places.length === 1) return `input ${first}: `;
    return last - first === places.length - 1 ? `inputs ${first} … ${last}: ` : `inputs ${places.slice(0, 6).join(", ")}${places.length > 6 ? " …" : ""}: `;
  }
  return names.length > 1 && places.every((k) => names[k]) ? `${places.map((k) => names[k]).join(", ")}: ` : "";
}

function ruleText([input, rule, several]) {
  return `${input}${several ? ", each," : ""} receives ${rule}`;
}

class Details {
  constructor(section, tree) {
    this.section = section;
    this.tree = tree;
  }

  show(item) {
    if (!item) {
      this.section.replaceChildren(element("p", "Point at a box, or move to it with the arrow keys."));
      return;
    }
    const { graph } = this.tree;
    const table = element("dl");
    for (const [what, text] of factsOf(item, this.tree)) {
      if (text) table.append(element("dt", what), element("dd", text, what === "code" ? { class: "code" } : {}));
    }
    if (!item.isBox && !graph.isLeaf(item.node)) {
      const rules = rulesOf(item.node, graph).slice(0, 8);
      if (rules.length) table.append(element("dt", "backward"));
      for (const rule of rules) table.append(element("dd", ruleText(rule)));
    }
    const kind = item.isBox ? item.kind : lookOf(item, this.tree);
    const heading = element("h2", item.isBox ? item.label || "scope" : graph.called(item.node));
    heading.append(element("small", ` ${kind}`));
    this.section.replaceChildren(heading, table);
    if (!graph.hasDetails) this.section.append(element("p", HINT, { class: "hint" }));
  }
}

// Finding items by name, operation, shape, line of the program, or time step.

const MOST_FOUND = 50;

class Search {
  constructor(input, list, tree, choose) {
    this.input = input;
    this.list = list;
    this.tree = tree;
    this.choose = choose;
    this.texts = null;
    this.active = -1;
    this.items = [];
    input.addEventListener("input", () => this.update());
    input.addEventListener("keydown", (event) => this.key(event));
    input.addEventListener("blur", () => setTimeout(() => this.close(), 150));
  }

  /** What is looked through, one text an item; made at the first search. */
  prepare() {
    const { graph } = this.tree;
    this.texts = this.tree.items.map((item) => {
      const parts = [item.label.replace("t = ", "t="), this.tree.pathOf(item).replaceAll(" › ", ".")];
      if (!item.isBox) parts.push(...["name", "shape", "source"].map((column) => graph.text(column, item.node)));
      return parts.join(" ").toLowerCase();
    });
  }

  /** The items whose texts hold all the words; boxes and those with short texts first. */
  find(query) {
    if (!this.texts) this.prepare();
    const words = query.toLowerCase().replace(/t\s*=\s*/g, "t=").split(/\s+/).filter(Boolean);
    if (!words.length) return [];
    const whole = words.map((word) => (/^t=\d+$/.test(word) ? new RegExp(`${word}(?!\\d)`) : null));
    const matches = (text) => words.every((word, k) => (whole[k] ? whole[k].test(text) : text.includes(word)));
    const found = this.tree.items.filter((item) => item.kind !== "root" && matches(this.texts[item.id]));
    this.total = found.length;
    const rank = (item) => (item.isBox ? 0 : 1000) + this.texts[item.id].length;
    return found.sort((a, b) => rank(a) - rank(b) || a.id - b.id).slice(0, MOST_FOUND);
  }

  update() {
    this.items = this.find(this.input.value);
    this.active = this.items.length ? 0 : -1;
    const options = this.items.map((item, k) => {
      const option = element("li", item.label || item.kind, { role: "option", id: `found-${k}` });
      option.append(element("small", ` ${this.tree.pathOf(item)}`));
      option.addEventListener("pointerdown", (event) => {
        event.preventDefault();
        this.take(k);
      });
      return option;
    });
    if (this.input.value.trim()) {
      const more = this.total > this.items.length ? `${this.total} found; the first ${this.items.length} are shown` : "";
      options.push(element("li", this.items.length ? more : "nothing found", { class: "note" }));
    }
    this.list.replaceChildren(...options);
    this.list.hidden = !this.input.value.trim();
    this.mark();
  }

  mark() {
    this.input.setAttribute("aria-expanded", String(!this.list.hidden));
    this.input.setAttribute("aria-activedescendant", this.active < 0 ? "" : `found-${this.active}`);
    this.items.forEach((_, k) => this.list.children[k].setAttribute("aria-selected", String(k === this.active)));
    if (this.active >= 0) this.list.children[this.active].scrollIntoView({ block: "nearest" });
  }

  key(event) {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move && this.items.length) {
      event.preventDefault();
      this.active = (this.active + move + this.items.length) % this.items.length;
      this.mark();
    } else if (event.key === "Enter" && this.active >= 0) this.take(this.active);
    else if (event.key === "Escape") this.close();
    else return;
    event.stopPropagation();
  }

  take(k) {
    const item = this.items[k];
    this.close();
    this.choose(item);
  }

  clear() {
    this.input.value = "";
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.active = -1;
    this.mark();
  }
}

// Lays the curves of several runs over each other: a table and two charts for each group of runs that can be compared.

import { written } from "./chart.js";
import { Average, capital, duration, get, look, minute, over_steps, row } from "./parts.js";

const known = JSON.parse(get("data").textContent); // {title, groups: [{program, unit, measure, differing, runs}]}

function element(name, content = "", properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(content);
  return made;
}

const readable = (name) => name.replaceAll("_", " ");

/** The runs of one program, with the same unit. */
class Group {
  constructor(group, number) {
    this.group = group;
    this.shown = new Set(group.runs);
    group.runs.forEach((run, i) => {
      run.look = look(i);
      const average = new Average();
      run.smooth = run.loss.map((loss, k) => average.next(run.steps[k], loss));
    });
    const measures = [...new Set(group.runs.flatMap((run) => run.validations.flatMap((v) => Object.keys(v.measures))))];
    this.measure = measures.includes(group.measure) ? group.measure : measures[0];
    const [held_out, held_out_chart] = over_steps(`held-out-${number}`, "Held out", "wide");
    const [training, training_chart] = over_steps(`training-${number}`, capital(`${group.unit}, training`), "wide");
    [this.held_out, this.training] = [held_out_chart, training_chart];
    if (measures.length > 1) held_out.querySelector("h2").after(this.choice(measures));
    held_out.hidden = !measures.length;
    training.querySelector("h2").after(
      element("p", "Smoothed over about twenty steps.", { className: "about" }));
    get("groups").append(this.table(number), held_out, training);
    this.draw();
  }

  /** A box to choose what is drawn of what was measured. */
  choice(measures) {
    const select = element("select");
    select.append(...measures.map((name) => new Option(readable(name), name)));
    select.value = this.measure;
    select.addEventListener("change", () => {
      this.measure = select.value;
      this.draw();
    });
    const label = element("label", "measured: ");
    label.append(select);
    return label;
  }

  table(number) {
    const { group } = this;
    const section = element("section", "", { className: "wide" });
    const title = element("h2", group.program, { id: `runs-${number}` });
    const best = `best ${readable(group.measure)}`;
    const table = element("table", "", { className: "runs" });
    table.createTHead().append(row("th", "run", "began", "steps", "state", best, "time in steps", ...group.differing));
    table.createTBody().append(...group.runs.map((run) => this.line(run)));
    const scroll = element("div", table, { className: "scroll", tabIndex: 0 });
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-labelledby", title.id);
    section.append(title, scroll);
    return section;
  }

  line(run) {
    const box = element("input", "", { type: "checkbox", checked: true });
    box.addEventListener("change", () => {
      if (box.checked) this.shown.add(run);
      else this.shown.delete(run);
      this.draw();
    });
    const name = element("label", box, { className: "run" });
    const line = element("span", "", { className: "line" });
    line.style.borderTop = `3px ${run.look.dash.length ? "dashed" : "solid"} var(${run.look.color})`;
    name.append(line, run.name);
    const cell = element("span", name);
    if (run.report) cell.append(" ", element("a", "page", { href: run.report }));
    const unit = run.unit && run.unit !== readable(this.group.measure) ? ` ${run.unit}` : "";
    const best = run.best ? `${written(run.best[0])}${unit} (step ${run.best[1]})` : "-";
    const steps = `${run.step.toLocaleString("en")}${run.of ? ` of ${run.of.toLocaleString("en")}` : ""}`;
    const settings = this.group.differing.map((name) => run.settings[name] ?? "-");
    return row("td", cell, minute(run.began), steps, run.state, best, duration(run.seconds), ...settings);
  }

  draw() {
    const runs = this.group.runs.filter((run) => this.shown.has(run));
    const title = capital(`${readable(this.measure ?? "")}, held out`);
    this.held_out.name(title);
    this.held_out.show(runs.map((run) => ({
      name: run.name,
      x: run.validations.map((v) => v.step),
      y: run.validations.map((v) => v.measures[this.measure] ?? null),
      dots: true,
      ...run.look,
    })));
    this.training.show(
      runs.map((run) => ({ name: run.name, x: run.steps, y: run.smooth, width: 1.8, ...run.look })), this.group.levels);
  }
}

document.title = get("title").textContent = known.title;
get("introduction").textContent = known.introduction;
known.groups.forEach((group, number) => new Group(group, number));

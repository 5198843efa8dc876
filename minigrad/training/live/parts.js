// What the pages of one training and of several share: colours, sections with a chart, tables, times.

import { Chart } from "./chart.js";

export const COLOURS = ["--one", "--two", "--three", "--four", "--five", "--six"];
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];
const SMOOTHING = 0.95; // weight of the average before, a step later, as in the picture that training leaves

export const get = (id) => document.getElementById(id);

/** The look of the nth of many lines. */
export const look = (n) => ({
  color: COLOURS[n % COLOURS.length],
  dash: DASHES[n % DASHES.length],
});

/** Exponential moving averages, corrected for the beginning; values may come with steps left out between them. */
export class Average {
  constructor() {
    [this.sum, this.weight, this.at] = [0, 0, 0];
  }

  /** The average after the value of a step; null before the first. */
  next(step, value) {
    if (value !== null) {
      const kept = SMOOTHING ** (step - this.at);
      this.sum = kept * this.sum + (1 - kept) * value;
      this.weight = kept * this.weight + (1 - kept);
      this.at = step;
    }
    return this.weight ? this.sum / this.weight : null;
  }
}

/** A section with a chart over the steps of a training. */
export function over_steps(id, title, kind = "", log = false) {
  const section = document.createElement("section");
  section.id = id;
  section.className = `chart ${kind}`;
  section.append(get("chart").content.cloneNode(true));
  section.querySelector("h2").textContent = title;
  section.querySelector("h2").id = `${id}-title`;
  section.querySelector(".log").checked = log;
  section.setAttribute("aria-labelledby", `${id}-title`);
  return [section, new Chart(section, { x: "step" })];
}

/** A row of a table: of names ("th"), or of a name and what belongs to it; cells are texts or elements. */
export function row(kind, ...cells) {
  const tr = document.createElement("tr");
  cells.forEach((content, i) => {
    const cell = document.createElement(kind === "th" || i === 0 ? "th" : "td");
    if (cell.tagName === "TH") cell.scope = kind === "th" ? "col" : "row";
    cell.append(content);
    tr.append(cell);
  });
  return tr;
}

export const capital = (text) => text[0].toUpperCase() + text.slice(1);

/** A time as ISO 8601 has it, to the minute. */
export const minute = (began) => (began || "").slice(0, 16).replace("T", " ");

export function duration(seconds) {
  if (seconds === null) return "-";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

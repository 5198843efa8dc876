// Asks once a second for what is new, and shows it. Names and texts are data: they become text, never markup.

import { Chart, written } from "./chart.js";

const PAUSE = 1000; // milliseconds between questions
const SMOOTHING = 0.95; // weight of the average before, as in the picture that training leaves
const KEPT_EXAMPLES = 50;
const STATES = ["--one", "--two", "--three", "--four", "--five", "--six"];
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];

const get = (id) => document.getElementById(id);
const charts = {
  loss: overSteps("loss", "Loss", "wide"),
  norm: overSteps("norm", "Gradient norm", "", true),
  rate: overSteps("rate", "Learning rate"),
  flow: new Chart(get("flow"), { x: "time step t" }),
};

/** A chart over the steps of the training, in a section of its own before that of the gradient flow. */
function overSteps(id, title, kind = "", log = false) {
  const section = document.createElement("section");
  section.id = id;
  section.className = `chart ${kind}`;
  section.append(get("chart").content.cloneNode(true));
  section.querySelector("h2").textContent = title;
  section.querySelector("h2").id = `${id}-title`;
  section.querySelector(".log").checked = log;
  section.setAttribute("aria-labelledby", `${id}-title`);
  get("flow").before(section);
  return new Chart(section, { x: "step" });
}

let run; // everything that is known: see `forget`
let newest = {}; // the last answer

function forget() {
  run = { id: null, steps: [], loss: [], smooth: [], norm: [], rate: [], validations: [], average: 0, weight: 0 };
  for (const id of ["measures-head", "measures", "examples"]) get(id).replaceChildren();
  get("made").hidden = true;
  get("no-measures").hidden = false;
  get("flow-step").replaceChildren(new Option("the newest step", ""));
}

// --- what is new ---------------------------------------------------------------------------------------------------

async function ask() {
  const response = await fetch(`data?since=${run.loss.length}&validations=${run.validations.length}`);
  if (!response.ok) throw new Error(response.statusText);
  return response.json();
}

/** Take in an answer; false if it belongs to another training than what is shown. */
function learn(answer) {
  if (run.id !== null && answer.run !== run.id) return false;
  if (answer.about === null) return true;
  run.id = answer.run;
  const scale = answer.about.scale;
  answer.loss.forEach((loss, i) => {
    const value = loss === null ? null : loss * scale;
    if (value !== null) {
      run.average = SMOOTHING * run.average + (1 - SMOOTHING) * value;
      run.weight = SMOOTHING * run.weight + (1 - SMOOTHING);
    }
    run.steps.push(run.steps.length + 1);
    run.loss.push(value);
    run.smooth.push(run.weight ? run.average / run.weight : null);
    run.norm.push(answer.norm[i]);
    run.rate.push(answer.rate[i]);
  });
  run.validations.push(...answer.validations);
  return true;
}

async function poll() {
  let pause = PAUSE;
  try {
    const answer = await ask();
    if (learn(answer)) {
      newest = answer;
      show(answer);
      if (answer.more) pause = 0;
      else if (!["preparing", "training"].includes(answer.state)) return;
    } else {
      forget();
      pause = 0;
    }
  } catch {
    lost();
  }
  setTimeout(poll, pause);
}

// --- what is shown -------------------------------------------------------------------------------------------------

function say(text, kind) {
  if (get("state").textContent !== text) get("state").textContent = text; // is read aloud when it changes
  get("state").className = kind;
}

function lost() {
  const what = run.id === null ? "" : " What it told until then stays here.";
  say(`The training does not answer: it has ended, or was stopped.${what}`, "lost");
}

function show(answer) {
  const about = answer.about;
  const ended = !["preparing", "training"].includes(answer.state);
  say(ended ? `${answer.state}: ${answer.said}` : answer.state, answer.state);
  if (about === null) return;
  const step = run.loss.length;
  document.title = `${ended ? answer.state : `${Math.floor((100 * step) / about.steps)} %`} - ${about.program}`;
  get("program").textContent = about.program;
  get("introduction").textContent = about.introduction;
  get("progress").max = about.steps;
  get("progress").value = step;
  get("step").textContent = `${step.toLocaleString("en")} of ${about.steps.toLocaleString("en")}`;
  get("epoch").textContent = answer.epoch;
  get("speed").textContent = written(answer.speed);
  get("left").textContent = ended ? "-" : duration(answer.left);
  get("seconds").textContent = duration(answer.seconds);
  curves(about);
  flow();
  values(about, answer);
  if (answer.validations.length) {
    measures();
    examples(answer.validations);
  }
}

function duration(seconds) {
  if (seconds === null) return "-";
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The measure that the curve is compared with, at each validation. */
const held_out = (about) => run.validations.map((v) => v.measures[about.shown] ?? null);

function curves(about) {
  const series = [
    { name: "training, each batch", x: run.steps, y: run.loss, color: "--faint", width: 0.8 },
    { name: "training, smoothed", x: run.steps, y: run.smooth, color: "--one", width: 2 },
  ];
  const measured = held_out(about);
  if (measured.some((y) => y !== null)) {
    const x = run.validations.map((v) => v.step);
    series.push({ name: "held out", x, y: measured, color: "--two", dots: true, dash: [5, 3] });
  }
  const title = about.unit[0].toUpperCase() + about.unit.slice(1);
  get("loss-title").textContent = charts.loss.title = title;
  charts.loss.show(series, about.levels);
  charts.norm.show([{ name: "norm of the whole gradient", x: run.steps, y: run.norm, color: "--one", width: 1 }]);
  charts.rate.show([{ name: "learning rate", x: run.steps, y: run.rate, color: "--one" }]);
}

function flow() {
  const select = get("flow-step");
  const measured = run.validations.filter((v) => v.flow);
  for (const { step } of measured.slice(select.options.length - 1)) select.add(new Option(`step ${step}`, step), 1);
  const chosen = measured.find((v) => String(v.step) === select.value) ?? measured.at(-1);
  const why = run.validations.findLast((v) => v.note)?.note;
  get("flow-note").textContent = chosen ? `Measured in step ${chosen.step}.` : why ? `There is none: ${why}.` : "";
  const hidden = !chosen && Boolean(why);
  for (const part of ["canvas", ".readout", ".legend"]) get("flow").querySelector(part).hidden = hidden;
  charts.flow.show((chosen?.flow ?? []).map(({ name, norms, back }, i) => ({
    name: back === null ? name : `${name} (× ${back.toFixed(3)} with each step back)`,
    x: norms.map((_, t) => t),
    y: norms,
    color: STATES[i % STATES.length],
    dash: DASHES[i % DASHES.length],
    width: 1.8,
  })));
}

function row(kind, ...cells) {
  const tr = document.createElement("tr");
  cells.forEach((text, i) => {
    const cell = document.createElement(kind === "th" || i === 0 ? "th" : "td");
    cell.scope = kind === "th" ? "col" : "row";
    if (cell.tagName === "TD") cell.removeAttribute("scope");
    cell.textContent = text;
    tr.append(cell);
  });
  return tr;
}

function values(about, answer) {
  const last = (array) => written(array.at(-1));
  const measured = held_out(about).findLast((y) => y !== null);
  get("values").replaceChildren(
    row("td", "step", run.loss.length),
    row("td", about.unit, last(run.loss)),
    row("td", `${about.unit}, smoothed`, last(run.smooth)),
    row("td", `${about.unit}, held out`, written(measured)),
    row("td", "gradient norm", last(run.norm)),
    row("td", "learning rate", last(run.rate)),
    row("td", "steps a second", written(answer.speed)),
  );
}

function measures() {
  const names = [...new Set(run.validations.flatMap((v) => Object.keys(v.measures)))];
  get("measures-head").replaceChildren(row("th", "after step", ...names.map((name) => name.replaceAll("_", " "))));
  const rows = run.validations.map((v) => row("td", v.step, ...names.map((name) => written(v.measures[name]))));
  get("measures").replaceChildren(...rows.reverse());
  get("no-measures").hidden = true;
}

/** Show the newest example; the older ones are folded below it. */
function examples(validations) {
  const box = get("examples");
  for (const { step, example } of validations.filter((v) => v.example.trim())) {
    const [title, text] = [document.createElement("h3"), document.createElement("pre")];
    title.textContent = `After step ${step}`;
    text.textContent = example.replace(/^\n+|\n+$/g, "");
    const item = document.createElement("article");
    item.append(title, text);
    let older = box.querySelector("details");
    const before = box.querySelector(":scope > article");
    if (before) {
      if (!older) {
        older = document.createElement("details");
        const summary = document.createElement("summary");
        summary.textContent = "Older ones";
        older.append(summary);
        box.append(older);
      }
      older.querySelector("summary").after(before);
      if (older.children.length > KEPT_EXAMPLES) older.lastChild.remove();
    }
    box.prepend(item);
    get("made").hidden = false;
  }
}

get("flow-step").addEventListener("change", flow);
forget();
poll();

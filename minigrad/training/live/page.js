// Shows a training: one that runs, and that it asks once a second for what is new; or one whose data is in the page.
// Names and texts are data: they become text, never markup.

import { Chart, written } from "./chart.js";
import { Average, capital, duration, get, look, minute, over_steps, row } from "./parts.js";

const PAUSE = 1000; // milliseconds between questions
const PATIENCE = 3; // questions without an answer after which it asks only when somebody looks
const KEPT_EXAMPLES = 50;
const KEPT = get("data"); // in a page that is kept

const charts = {
  loss: before_flow("loss", "Loss", "wide"),
  norm: before_flow("norm", "Gradient norm", "", true),
  rate: before_flow("rate", "Learning rate"),
  flow: new Chart(get("flow"), { x: "time step t" }),
};

function before_flow(...what) {
  const [section, chart] = over_steps(...what);
  get("flow").before(section);
  return chart;
}

let run; // everything that is known: see `forget`
let unanswered = 0; // questions in a row
let waiting = 0; // for the next question

function forget() {
  run = { id: null, steps: [], loss: [], smooth: [], norm: [], rate: [], validations: [], average: new Average() };
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
    const step = answer.steps?.[i] ?? run.steps.length + 1; // a page that is kept need not have all
    run.steps.push(step);
    run.loss.push(value);
    run.smooth.push(run.average.next(step, value));
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
    unanswered = 0;
    if (learn(answer)) {
      show(answer);
      if (answer.more) pause = 0;
      else if (has_ended(answer)) return;
    } else {
      forget();
      pause = 0;
    }
  } catch {
    lost();
    unanswered += 1;
    if (unanswered >= PATIENCE) return;
    pause *= 2 ** unanswered;
  }
  clearTimeout(waiting);
  waiting = setTimeout(poll, pause);
}

/** Somebody looks at a page that has stopped asking: perhaps another training has begun at this address. */
function look_again() {
  if (unanswered >= PATIENCE && !document.hidden) poll();
}

// --- what is shown -------------------------------------------------------------------------------------------------

function say(text, kind) {
  if (get("state").textContent !== text) get("state").textContent = text; // is read aloud when it changes
  get("state").className = kind;
}

const has_ended = (answer) => !["preparing", "training", "running"].includes(answer.state);

function lost() {
  const told = run.id === null ? "" : " What it told until then stays here; if it has ended, report.html in its folder has the rest.";
  say(`The training does not answer: it has ended, or was stopped.${told}`, "lost");
  if (run.id !== null) document.title = `ended - ${get("program").textContent}`;
  get("left").textContent = "-";
}

function show(answer) {
  const about = answer.about;
  const ended = has_ended(answer);
  const said = answer.said || answer.state;
  say(said.startsWith(answer.state) ? said : `${answer.state}: ${said}`, answer.state.replaceAll(" ", "-"));
  if (about === null) return;
  const step = run.steps.at(-1) ?? 0;
  document.title = `${ended ? answer.state : `${Math.floor((100 * step) / about.steps)} %`} - ${about.program}`;
  get("kept").hidden = Boolean(KEPT) || !ended;
  get("program").textContent = about.program;
  get("introduction").textContent = about.introduction;
  get("folder").textContent = about.folder;
  get("began").textContent = minute(about.began) || "-";
  get("progress").max = about.steps;
  get("progress").value = step;
  get("step").textContent = `${step.toLocaleString("en")} of ${about.steps.toLocaleString("en")}`;
  get("epoch").textContent = answer.epoch;
  get("speed").textContent = written(answer.speed);
  get("left").textContent = ended ? "-" : duration(answer.left);
  get("left").parentNode.hidden = Boolean(KEPT);
  get("seconds").textContent = duration(answer.seconds);
  curves(about);
  flow();
  values(about, answer);
  if (answer.validations.length) {
    measures();
    examples(answer.validations);
  }
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
  charts.loss.name(capital(about.unit));
  charts.loss.show(series, about.levels);
  charts.norm.show([{ name: "norm of the whole gradient", x: run.steps, y: run.norm, color: "--one", width: 1 }]);
  const [x, y] = [run.steps, run.rate].map((values) => values.filter((_, i) => run.rate[i] !== null)); // in the log
  charts.rate.show([{ name: "learning rate", x, y, color: "--one" }]);
}

function flow() {
  const select = get("flow-step");
  const measured = run.validations.filter((v) => v.flow);
  for (const { step } of measured.slice(select.options.length - 1)) select.add(new Option(`step ${step}`, step), 1);
  const chosen = measured.find((v) => String(v.step) === select.value) ?? measured.at(-1);
  const why = run.validations.findLast((v) => v.note)?.note;
  get("flow-note").textContent = chosen ? `Measured in step ${chosen.step}.` : why ? `There is none: ${why}.` : "";
  get("flow").hidden = Boolean(KEPT) && !chosen && !why;
  const hidden = !chosen && Boolean(why);
  for (const part of ["canvas", ".readout", ".legend"]) get("flow").querySelector(part).hidden = hidden;
  charts.flow.show((chosen?.flow ?? []).map(({ name, norms, back }, i) => ({
    name: back === null ? name : `${name} (× ${back.toFixed(3)} with each step back)`,
    x: norms.map((_, t) => t),
    y: norms,
    ...look(i),
    width: 1.8,
  })));
}

function values(about, answer) {
  const last = (array) => written(array.findLast((value) => value !== null));
  const measured = held_out(about).findLast((y) => y !== null);
  get("values").replaceChildren(
    row("td", "step", run.steps.at(-1) ?? 0),
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
if (KEPT) {
  const answer = JSON.parse(KEPT.textContent);
  learn(answer);
  show(answer);
} else {
  for (const event of ["focus", "pageshow"]) addEventListener(event, look_again);
  document.addEventListener("visibilitychange", look_again);
  poll();
}

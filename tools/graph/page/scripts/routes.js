// Ways around: edges whose simple curve would pass behind a box that is neither of their ends.

const CLEAR = 8; // how far such a way keeps from boxes, at least
const TRACKS = 3; // so many ways beside each other, a little apart
const APART = 4;
const BEND = 40; // what a bend costs, in pixels of a longer way
const ROUND = 9;
const MOST_BOXES = 150; // in the way of one edge; with more of them it keeps its curve
const MOST_WAYS = 600; // of one picture
const CELL = 160; // of the grid by which boxes are found

/** The visible boxes by place, to find those that a curve passes. */
class Boxes {
  constructor(items) {
    this.cells = new Map();
    for (const item of items) {
      const { left, top, right, bottom } = outline(item);
      for (let i = Math.floor(left / CELL); i <= right / CELL; i++) {
        for (let k = Math.floor(top / CELL); k <= bottom / CELL; k++) {
          const key = `${i} ${k}`;
          if (!this.cells.has(key)) this.cells.set(key, []);
          this.cells.get(key).push([item, left, top, right, bottom]);
        }
      }
    }
  }

  /** Whether an item other than the two ends of an edge covers one of the points. */
  cover(points, edge) {
    return points.some(([x, y]) => {
      const near = this.cells.get(`${Math.floor(x / CELL)} ${Math.floor(y / CELL)}`) ?? [];
      return near.some(
        ([item, left, top, right, bottom]) =>
          x > left && x < right && y > top && y < bottom && item !== edge.from && item !== edge.to,
      );
    });
  }
}

/** What is drawn of an item or a frame, without the room for its loop. */
function outline(item) {
  const loop = item.carries && !item.open ? LOOP : 0;
  return { left: item.x + loop, top: item.y + loop, right: item.x + item.w - loop, bottom: item.y + item.h };
}

/**
 * What is beside an edge: at each level from its ends up to the box that holds both, all but what the ends are in. Open
 * boxes count as a whole, so that nothing runs through a module that it has no part in.
 */
function beside(edge) {
  const around = new Set();
  const levels = new Set();
  for (const end of [edge.from, edge.to]) {
    for (let at = end; at !== edge.box; at = at.parent) {
      around.add(at);
      levels.add(at.parent);
    }
  }
  const found = [edge.from, edge.to];
  for (const level of levels) for (const child of level.children) if (child.shown && !around.has(child)) found.push(child);
  return found;
}

/**
 * The corners of a way with few bends from one end of an edge to the other that keeps clear of all that is beside it.
 * The way leaves and arrives at right angles. Null if there is none.
 *
 * @param start, end [x, y, dx, dy]: places on the borders of the two boxes, and the directions there.
 * @param track how many such ways there have been: each keeps another distance, as far as that goes.
 */
function wayAround(edge, start, end, track) {
  const boxes = beside(edge).map(outline);
  if (boxes.length > MOST_BOXES) return null;
  const clear = CLEAR + APART * (track % TRACKS);
  const half = BOX_GAP / 2; // in the middle between two boxes
  const from = [start[0] + start[2] * half, start[1] + start[3] * half];
  const to = [end[0] - end[2] * half, end[1] - end[3] * half];
  const lines = (low, high, k) => {
    const all = boxes.flatMap((box) => [box[low] - CLEAR, box[low] - clear, box[high] + CLEAR, box[high] + clear]);
    return [...new Set([...all, from[k], to[k]])].sort((a, b) => a - b);
  };
  const [xs, ys] = [lines("left", "right", 0), lines("top", "bottom", 1)];
  const near = CLEAR - 1;
  const blocked = (x, y) =>
    boxes.some((b) => x > b.left - near && x < b.right + near && y > b.top - near && y < b.bottom + near);
  const found = cheapestWay(xs, ys, from, to, [start[2], start[3]], [end[2], end[3]], blocked);
  return found && straightened([start.slice(0, 2), ...found, end.slice(0, 2)]);
}

const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/** Dijkstra's search on the lines of a grid, with the direction of travel as a part of the place. */
function cheapestWay(xs, ys, from, to, out, into, blocked) {
  const at = (x, y, d) => (ys.indexOf(y) * xs.length + xs.indexOf(x)) * 4 + d;
  const direction = ([dx, dy]) => TURNS.findIndex(([u, v]) => u === dx && v === dy);
  const [first, goal] = [at(...from, direction(out)), at(...to, direction(into))];
  const cost = new Map([[first, 0]]);
  const before = new Map();
  const queue = new Queue();
  queue.add(0, first);
  while (queue.size) {
    const [known, place] = queue.take();
    if (place === goal) break;
    if (known > cost.get(place)) continue;
    const d = place % 4;
    const [i, k] = [(place >> 2) % xs.length, Math.floor((place >> 2) / xs.length)];
    for (const turn of [0, 1, 3]) {
      const e = (d + turn) % 4;
      const [u, v] = [i + TURNS[e][0], k + TURNS[e][1]];
      if (u < 0 || v < 0 || u >= xs.length || v >= ys.length) continue;
      if (blocked((xs[i] + xs[u]) / 2, (ys[k] + ys[v]) / 2) || blocked(xs[u], ys[v])) continue;
      const next = (v * xs.length + u) * 4 + e;
      const total = known + Math.abs(xs[u] - xs[i]) + Math.abs(ys[v] - ys[k]) + (turn ? BEND : 0);
      if (total >= (cost.get(next) ?? Infinity)) continue;
      cost.set(next, total);
      before.set(next, place);
      queue.add(total, next);
    }
    // Turning on the spot: the way may arrive from another side.
    for (const turn of [1, 3]) {
      const next = place - d + ((d + turn) % 4);
      if (known + BEND >= (cost.get(next) ?? Infinity)) continue;
      cost.set(next, known + BEND);
      before.set(next, place);
      queue.add(known + BEND, next);
    }
  }
  if (!cost.has(goal)) return null;
  const way = [];
  for (let place = goal; place !== undefined; place = before.get(place)) {
    way.unshift([xs[(place >> 2) % xs.length], ys[Math.floor((place >> 2) / xs.length)]]);
  }
  return way;
}

/** A queue from which the least comes first: a binary heap. */
class Queue {
  constructor() {
    this.heap = [];
  }

  get size() {
    return this.heap.length;
  }

  add(cost, what) {
    const { heap } = this;
    let i = heap.push([cost, what]) - 1;
    for (let up = (i - 1) >> 1; i && heap[up][0] > heap[i][0]; i = up, up = (i - 1) >> 1) {
      [heap[up], heap[i]] = [heap[i], heap[up]];
    }
  }

  take() {
    const { heap } = this;
    const least = heap[0];
    const last = heap.pop();
    if (heap.length) {
      heap[0] = last;
      for (let i = 0, down = 1; down < heap.length; down = 2 * i + 1) {
        if (down + 1 < heap.length && heap[down + 1][0] < heap[down][0]) down++;
        if (heap[i][0] <= heap[down][0]) break;
        [heap[i], heap[down]] = [heap[down], heap[i]];
        i = down;
      }
    }
    return least;
  }
}

/** The corners without those at which nothing turns. */
function straightened(corners) {
  return corners.filter(([x, y], i) => {
    if (!i || i === corners.length - 1) return true;
    const [[a, b], [c, d]] = [corners[i - 1], corners[i + 1]];
    if (x === a && y === b) return false;
    return !((a === x && x === c) || (b === y && y === d));
  });
}

/** The path through corners, which it rounds. */
function rounded(corners) {
  let path = `M${corners[0].join(" ")}`;
  for (let i = 1; i < corners.length - 1; i++) {
    const [before, corner, after] = [corners[i - 1], corners[i], corners[i + 1]];
    const towards = (end) => {
      const length = Math.hypot(end[0] - corner[0], end[1] - corner[1]) || 1;
      const r = Math.min(ROUND, length / 2) / length;
      return `${corner[0] + (end[0] - corner[0]) * r} ${corner[1] + (end[1] - corner[1]) * r}`;
    };
    path += `L${towards(before)}Q${corner.join(" ")} ${towards(after)}`;
  }
  return `${path}L${corners.at(-1).join(" ")}`;
}

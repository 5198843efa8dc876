// Ways around: edges whose simple curve would pass behind a box that is neither of their ends.

const CLEAR = 8; // how far such a way keeps from boxes, at least
const TRACKS = 3; // so many ways beside each other, a little apart
const APART = 4;
const BEND = 40; // what a bend costs, in pixels of a longer way
const ROUND = 9;
const NEAR = 150; // how far outside of its ends a way may go, as a rule
const MOST_BOXES = 150; // in the way of one edge; with more of them it keeps its curve
const MOST_WAYS = 600; // of one picture
const FINE = 2; // pixels: a part of a curve that is looked at no closer

/** The visible boxes, to find those that a curve passes. */
class Boxes {
  constructor(items) {
    this.all = items.map((item) => ({ item, ...outline(item) }));
  }

  /** Whether an item other than the two ends of an edge covers a part of its curve. */
  cover(parts, edge) {
    const around = extent(parts.flat());
    const near = this.all.filter((box) => overlap(around, box) && box.item !== edge.from && box.item !== edge.to);
    return near.length > 0 && parts.some((part) => meets(part, near));
  }
}

function extent(points) {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [x, y] of points) {
    if (x < left) left = x;
    if (x > right) right = x;
    if (y < top) top = y;
    if (y > bottom) bottom = y;
  }
  return { left, top, right, bottom };
}

function overlap(a, b) {
  return a.right > b.left && a.left < b.right && a.bottom > b.top && a.top < b.bottom;
}

/** Whether a Bézier curve, given by its four points, meets one of the boxes: halved until it is clear of all or tiny. */
function meets(part, boxes) {
  const around = extent(part);
  const near = boxes.filter((box) => overlap(around, box));
  if (!near.length) return false;
  if (around.right - around.left < FINE && around.bottom - around.top < FINE) return true;
  const middle = ([x, y], [u, v]) => [(x + u) / 2, (y + v) / 2];
  const [a, b, c, d] = part;
  const [ab, bc, cd] = [middle(a, b), middle(b, c), middle(c, d)];
  const [abc, bcd] = [middle(ab, bc), middle(bc, cd)];
  const half = middle(abc, bcd);
  return meets([a, ab, abc, half], near) || meets([half, bcd, cd, d], near);
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
  const all = beside(edge).map(outline);
  const area = extent([start, end]); // most ways need not go far
  const room = { left: area.left - NEAR, top: area.top - NEAR, right: area.right + NEAR, bottom: area.bottom + NEAR };
  const boxes = all.filter((box) => overlap(room, box));
  const found = boxes.length > MOST_BOXES ? null : wayAmong(boxes, room, start, end, track);
  return found ?? (all.length > MOST_BOXES ? null : wayAmong(all, null, start, end, track));
}

/** A way among boxes that does not leave the room, if there is one. */
function wayAmong(boxes, room, start, end, track) {
  const clear = CLEAR + APART * (track % TRACKS);
  const half = BOX_GAP / 2; // in the middle between two boxes
  const from = [start[0] + start[2] * half, start[1] + start[3] * half];
  const to = [end[0] - end[2] * half, end[1] - end[3] * half];
  const lines = (low, high, k) => {
    const all = boxes.flatMap((box) => [box[low] - CLEAR, box[low] - clear, box[high] + CLEAR, box[high] + clear]);
    const within = room ? all.filter((line) => line > room[low] && line < room[high]) : all;
    return [...new Set([...within, from[k], to[k]])].sort((a, b) => a - b);
  };
  const [xs, ys] = [lines("left", "right", 0), lines("top", "bottom", 1)];
  const near = CLEAR - 1;
  const blocked = (x, y) =>
    boxes.some((b) => x > b.left - near && x < b.right + near && y > b.top - near && y < b.bottom + near);
  const found = cheapestWay(xs, ys, from, to, [start[2], start[3]], [end[2], end[3]], blocked);
  return found && straightened([start.slice(0, 2), ...found, end.slice(0, 2)]);
}

const TURNS = [[1, 0], [0, 1], [-1, 0], [0, -1]];

/** The search A* on the lines of a grid, with the direction of travel as a part of the place. */
function cheapestWay(xs, ys, from, to, out, into, blocked) {
  const at = (x, y, d) => (ys.indexOf(y) * xs.length + xs.indexOf(x)) * 4 + d;
  const direction = ([dx, dy]) => TURNS.findIndex(([u, v]) => u === dx && v === dy);
  const [first, goal] = [at(...from, direction(out)), at(...to, direction(into))];
  const cost = new Map([[first, 0]]);
  const before = new Map();
  const done = new Set();
  const queue = new Queue();
  queue.add(0, first);
  while (queue.size) {
    const place = queue.take()[1];
    if (place === goal) break;
    if (done.has(place)) continue;
    done.add(place);
    const known = cost.get(place);
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
      queue.add(total + Math.abs(xs[u] - to[0]) + Math.abs(ys[v] - to[1]), next);
    }
    // Turning on the spot: the way may arrive from another side.
    for (const turn of [1, 3]) {
      const next = place - d + ((d + turn) % 4);
      if (known + BEND >= (cost.get(next) ?? Infinity)) continue;
      cost.set(next, known + BEND);
      before.set(next, place);
      queue.add(known + BEND + Math.abs(xs[i] - to[0]) + Math.abs(ys[k] - to[1]), next);
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

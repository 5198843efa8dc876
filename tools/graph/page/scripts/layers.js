// Boxes in layers: each above all that flows into it, near what it is linked to. The layout of one open box.

const ROW_GAP = 34;
const BOX_GAP = 18;
const SWEEPS = 8;
const SIDE = 0.8; // how strongly states draw a box to a side, in places of a row
const GAP = 4; // the width of what a link passes through
const MOST_GAPS = 3000; // links beyond that go straight

/**
 * Give every box its place, `left` and `top`, from the upper left corner of what they all take up.
 *
 * @param boxes {w, h, first, side}: their sizes, and their order in time; it also breaks circles, which folding can make.
 *   Those that states arrive at from the left (side -1), or leave to the right (1), stand there if they can.
 * @param links pairs [lower, upper] of positions in `boxes`; null stands for something below or above all of them.
 * @returns {w, h, bends}: the size of everything, and for each link the places where it passes other rows, from below:
 *   [x, lower y, upper y].
 */
function placeInLayers(boxes, links) {
  const order = boxes.map((_, i) => i).sort((a, b) => boxes[a].first - boxes[b].first);
  const rank = [];
  order.forEach((i, k) => (rank[i] = k));
  const inputs = boxes.map(() => []);
  const users = boxes.map(() => []);
  for (const [a, b] of links) {
    if (a === null || b === null || rank[a] >= rank[b]) continue;
    inputs[b].push(a);
    users[a].push(b);
  }
  const row = rowsOf(boxes, order, inputs, users);
  const rows = [];
  for (const i of order) (rows[row[i]] ??= []).push(i);
  const all = new Rows(boxes, rows, row);
  const passing = links.map(([a, b]) => all.link(a, b));
  all.sort();
  all.placeAcross();
  const size = all.stack();
  return { ...size, bends: passing.map((through) => through.map((i) => all.bend(i))) };
}

/** The row of each box, from below: one above its highest input; what has no input is right below its lowest user. */
function rowsOf(boxes, order, inputs, users) {
  const row = boxes.map(() => 0);
  for (const i of order) for (const j of inputs[i]) row[i] = Math.max(row[i], row[j] + 1);
  for (const i of [...order].reverse()) {
    if (!inputs[i].length && users[i].length) row[i] = Math.min(...users[i].map((j) => row[j])) - 1;
  }
  const used = [...new Set(row)].sort((a, b) => a - b);
  const number = new Map(used.map((r, k) => [r, k]));
  return row.map((r) => number.get(r));
}

function mean(numbers, otherwise) {
  return numbers.length ? numbers.reduce((sum, x) => sum + x, 0) / numbers.length : otherwise;
}

/** Rows of boxes, and of the narrow gaps through which links pass. */
class Rows {
  constructor(boxes, rows, row) {
    this.boxes = [...boxes]; // gaps come behind them
    this.rows = rows;
    this.row = row;
    this.below = boxes.map(() => []); // what a box is linked to in the row below
    this.above = boxes.map(() => []);
    this.gaps = 0;
  }

  /** Link two boxes, through gaps in the rows between them. Returns the gaps. */
  link(a, b) {
    const through = [];
    const [lower, upper] = [a === null ? -1 : this.row[a], b === null ? this.rows.length : this.row[b]];
    if (lower >= upper) return through;
    let from = a;
    for (let r = lower + 1; r < upper && this.gaps < MOST_GAPS; r++) {
      const gap = this.boxes.length;
      this.boxes.push({ w: GAP, h: 0 });
      this.row.push(r);
      this.below.push([]);
      this.above.push([]);
      this.rows[r].push(gap);
      this.gaps++;
      this.join(from, gap);
      through.push(gap);
      from = gap;
    }
    this.join(from, b);
    return through;
  }

  join(lower, upper) {
    if (lower === null || upper === null) return;
    this.above[lower].push(upper);
    this.below[upper].push(lower);
  }

  /** Sort each row so that boxes stand over and under what they are linked to, sweeping up and down. */
  sort() {
    const position = [];
    const note = (members) => members.forEach((i, k) => (position[i] = k - (members.length - 1) / 2));
    this.rows.forEach(note);
    const sorted = (members, links) => {
      const near = (i) => mean(links[i].map((j) => position[j]), position[i]) + SIDE * (this.boxes[i].side ?? 0);
      const wanted = new Map(members.map((i) => [i, near(i)]));
      members.sort((a, b) => wanted.get(a) - wanted.get(b));
      note(members);
    };
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (let k = 1; k < this.rows.length; k++) sorted(this.rows[k], this.below);
      for (let k = this.rows.length - 2; k >= 0; k--) sorted(this.rows[k], this.above);
    }
  }

  /** The centre of each box: as near to the mean of its neighbours' as the boxes beside it allow. */
  placeAcross() {
    this.centers = this.boxes.map(() => 0);
    for (const members of this.rows) this.spread(members, () => 0);
    for (let sweep = 0; sweep < SWEEPS; sweep++) {
      for (const members of sweep % 2 ? [...this.rows].reverse() : this.rows) {
        const near = (i) => [...this.below[i], ...this.above[i]].map((j) => this.centers[j]);
        this.spread(members, (i) => mean(near(i), this.centers[i]));
      }
    }
  }

  /**
   * Set the centres of a row's boxes, in their order and without overlap, so that the squares of the distances from
   * where they want to be add up to the least. (Pooling of adjacent violators: isotonic regression.)
   */
  spread(members, wanted) {
    let offset = 0;
    const offsets = members.map((i, k) => {
      if (k) offset += (this.boxes[members[k - 1]].w + this.boxes[i].w) / 2 + BOX_GAP;
      return offset;
    });
    const pools = [];
    members.forEach((i, k) => {
      let pool = { sum: wanted(i) - offsets[k], size: 1 };
      while (pools.length && pools[pools.length - 1].sum / pools[pools.length - 1].size > pool.sum / pool.size) {
        const before = pools.pop();
        pool = { sum: before.sum + pool.sum, size: before.size + pool.size };
      }
      pools.push(pool);
    });
    let k = 0;
    for (const pool of pools) {
      for (let n = 0; n < pool.size; n++, k++) this.centers[members[k]] = pool.sum / pool.size + offsets[k];
    }
  }

  /** Put the rows one above the other, the first one lowest. Returns the size of everything. */
  stack() {
    const side = (sign) => this.boxes.map((box, i) => this.centers[i] + (sign * box.w) / 2);
    const [left, right] = [leastOf(side(-1)), mostOf(side(1))];
    let y = 0;
    for (const members of [...this.rows].reverse()) {
      const height = members.reduce((most, i) => Math.max(most, this.boxes[i].h), 0);
      for (const i of members) {
        const box = this.boxes[i];
        box.left = this.centers[i] - box.w / 2 - left;
        box.top = y + (height - box.h) / 2;
        box.row = [y + height, y];
      }
      y += height + ROW_GAP;
    }
    return { w: right - left, h: y - ROW_GAP };
  }

  bend(gap) {
    const { left, row } = this.boxes[gap];
    return [left + GAP / 2, ...row];
  }
}

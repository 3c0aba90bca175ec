// Boards: planes of numbers as grids, larger ones as pictures, and the window itself, sample by sample.

const MOST_CELLS = 400, MOST_COLUMNS = 24, MOST_SAMPLES = 15;

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "text") made.textContent = value;
    else if (value !== null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

const isSmall = ([, high, wide]) => high * wide <= MOST_CELLS && wide <= MOST_COLUMNS;

/** A number for a cell: enough digits to know it by, the arithmetic has more. A fraction goes without its 0. */
function brief(v) {
  if (v === null) return "";
  if (!Number.isFinite(v) || Number.isInteger(v)) return text(v);
  const small = Math.abs(v) < 1;
  const near = small ? Number(v.toFixed(3)) || Number(v.toPrecision(1)) : Number(v.toPrecision(4));
  return plain(near).replace(/^(-?)0\./, "$1.");
}

/** Tell a grid how long its longest number is, so that letters are small enough. */
function fit(grid) {
  const lengths = [...grid.querySelectorAll("b")].map((cell) => Math.max(
    (cell.firstElementChild ?? cell).textContent.length, cell.querySelector("small")?.textContent.length ?? 0));
  grid.style.setProperty("--letters", Math.max(2, ...lengths));
}

/** A plane of numbers. rows and columns are [first, last]; value(row, column) is null where there is nothing. */
function numberBoard(rows, columns, value, tint) {
  const board = element("div", { class: "numbers" });
  board.style.setProperty("--columns", columns[1] - columns[0] + 1);
  const cells = new Map();
  board.append(element("i"));
  for (let w = columns[0]; w <= columns[1]; w += 1) board.append(element("i", { text: w }));
  for (let h = rows[0]; h <= rows[1]; h += 1) {
    board.append(element("i", { text: h }));
    for (let w = columns[0]; w <= columns[1]; w += 1) {
      const v = value(h, w);
      const short = v === null ? "\u00b7" : brief(v);
      const whole = v === null || short === plain(v) ? null : plain(v);
      const cell = element("b", { text: short, class: v === null ? "void" : null, title: whole });
      cell.dataset.at = `${h},${w}`;
      if (v !== null) cell.style.setProperty("--tint", `${Math.round(45 * tint(v))}%`);
      cells.set(cell.dataset.at, cell);
      board.append(cell);
    }
  }
  fit(board);
  let marked = [];
  return {
    node: board,
    mark(classes) { // of (row, column) keys
      for (const [cell, name] of marked) cell.classList.remove(name);
      marked = [...classes].filter(([at]) => cells.has(at)).map(([at, name]) => [cells.get(at), name]);
      for (const [cell, name] of marked) cell.classList.add(name);
    },
    find(event) {
      const at = event.target.dataset?.at;
      return at ? at.split(",").map((i) => Number(i) + 0.5) : null;
    },
  };
}

/** The values of a series as a line, which shows their course; it breaks where one is missing. */
function drawLine(values) {
  const there = Array.from(values, (v) => v !== null && Number.isFinite(v));
  let low = Infinity, high = -Infinity;
  values.forEach((v, i) => { if (there[i]) [low, high] = [Math.min(low, v), Math.max(high, v)]; });
  const at = (v) => (high > low ? 96 - 92 * ((v - low) / (high - low)) : 50);
  const steps = Array.from(values, (v, i) => (
    there[i] ? `${there[i - 1] ? "L" : "M"}${i + 0.5} ${at(v).toFixed(2)}${there[i - 1] || there[i + 1] ? "" : "h0.5"}` : ""));
  const made = document.createRange().createContextualFragment("<svg><path></path></svg>").firstChild;
  const path = made.firstChild;
  const about = low <= high ? `A line between ${plain(low)} and ${plain(high)}` : "Nothing to draw";
  const attributes = { class: "line", viewBox: `0 0 ${there.length} 100`, preserveAspectRatio: "none", role: "img" };
  for (const [key, value] of Object.entries({ ...attributes, "aria-label": about })) made.setAttribute(key, value);
  path.setAttribute("d", steps.join(""));
  made.append(path);
  return made;
}

/** A plane as a picture: colour(row, column) gives [r, g, b]; the frame shows where the window is. */
function pictureBoard(rows, columns, label) {
  const high = rows[1] - rows[0] + 1, wide = columns[1] - columns[0] + 1;
  const canvas = element("canvas", { width: wide, height: high, role: "img", "aria-label": label });
  const frame = element("div", { class: "frame" });
  const scene = element("div", { class: "scene" }, canvas, frame);
  scene.style.setProperty("--ratio", `${wide} / ${high}`);
  scene.style.setProperty("--wide", wide);
  return {
    node: scene,
    paint: (colour) => paint(canvas, (h, w) => colour(h + rows[0], w + columns[0])),
    frame([top, bottom], [left, right]) { // in positions, the last included
      Object.assign(frame.style, {
        top: `${100 * (top - rows[0]) / high}%`, height: `${100 * (bottom - top + 1) / high}%`,
        left: `${100 * (left - columns[0]) / wide}%`, width: `${100 * (right - left + 1) / wide}%`,
      });
    },
    find(event) {
      const box = canvas.getBoundingClientRect();
      return [rows[0] + high * (event.clientY - box.top) / box.height,
        columns[0] + wide * (event.clientX - box.left) / box.width];
    },
  };
}

/** Where the window's samples stand among the rows or columns that are shown: of a picture also its neighbours. */
function shownAlong(positions, data) {
  const first = positions[0].at, last = positions.at(-1).at;
  const long = last - first + 1;
  const beyond = !data.picture || long > 9 ? 0 : long > 5 ? 1 : 2;
  if (!beyond) return positions;
  const members = new Map(positions.map((one) => [one.at, one]));
  return Array.from({ length: last - first + 1 + 2 * beyond }, (_, i) => members.get(first - beyond + i)
    ?? { at: first - beyond + i });
}

const isOnPage = (data, a, at) => at >= data.origin[a] && at < data.origin[a] + data.extent[a];

/** The window, sample by sample: one grid for each slice in depth. Absent samples have a sign and a word. */
function windowBoard(model, cell, channel, answer, present, tint) {
  const sizes = cell.map((i, a) => model.positions(a, i));
  if (sizes.slice(1).some((along) => along.length > MOST_SAMPLES)) return windowPicture(model, cell, channel, tint);
  const cells = sampleCells(model, cell, channel, answer, present, tint);
  const { data } = model;
  const [rows, columns] = [1, 2].map((a) => shownAlong(sizes[a], data));
  return element("div", { class: "slices" }, ...sizes[0].flatMap((d) => {
    const grid = element("div", { class: "samples" });
    grid.style.setProperty("--columns", columns.length);
    for (const h of rows) {
      for (const w of columns) {
        grid.append(cells.get(`${d.at},${h.at},${w.at}`) ?? neighbour(data, [d.at, h.at, w.at], channel, tint));
      }
    }
    fit(grid);
    return model.axes[0].letter ? [element("h3", { text: `${model.axes[0].letter} ${d.at}` }), grid] : [grid];
  }));
}

/** The cells of the window itself, by their positions. */
function sampleCells(model, cell, channel, answer, present, tint) {
  const order = new Map(present.places.map((place, i) => [place, i]));
  const uneven = new Set(answer.shares ?? []).size > 1;
  const cells = new Map();
  visit(model, cell, channel, (kind, value, at, number) => {
    const i = order.get(number);
    const share = uneven && i !== undefined ? answer.shares[i] : null;
    const made = sampleCell(model.data, kind, value, at, i !== undefined && i === answer.winner, share, channel, tint);
    cells.set(at.map((one) => one.at).join(), made);
  });
  return cells;
}

/** A pixel beside the window. */
function neighbour(data, at, channel, tint) {
  const made = element("b", { class: "around", "aria-hidden": "true" });
  if (!at.every((i, a) => isOnPage(data, a, i))) return made;
  made.style.background = css(colourOf(data, (c) => sampleAt(data, ...at, c), channel, tint));
  return made;
}

const SIGNS = { [PADDING]: "\u00b7", [OVERHANG]: "\u00b7" };
const WORDS = {
  [PRESENT]: "", [FILLED]: "padding, filled", [PADDING]: "padding, no sample", [OVERHANG]: "beyond the end, no sample",
  [LEFT_OUT]: "left out", [MASKED]: "masked", [WEIGHTLESS]: "weight 0",
};

function sampleCell(data, kind, value, at, wins, share, channel, tint) {
  const cell = element("b", { class: [kind, wins ? "winner" : ""].join(" ").trim() });
  const place = `row ${at[1].at}, column ${at[2].at}`;
  cell.title = [place, WORDS[kind], wins ? "the winner" : ""].filter(Boolean).join(": ");
  cell.append(element("span", { text: value === null ? SIGNS[kind] : brief(value) }));
  if (share !== null) cell.append(element("small", { text: percent(share) }));
  if (value !== null && kind === PRESENT && data.picture) {
    const colour = colourOf(data, (c) => sampleAt(data, ...at.map((one) => one.source), c), channel, tint);
    cell.style.background = css(colour);
    if (colour[3] > 127) cell.style.color = isDark(colour) ? "#fff" : "#000";
  }
  return cell;
}

function percent(share) {
  const near = plain(Number((100 * share).toPrecision(3)));
  return Math.abs(share) < 1e-5 && share !== 0 ? "<.001%" : `${near}%`;
}

/** A window of many samples as a picture; what is no sample stays clear. */
function windowPicture(model, cell, channel, tint) {
  const [, high, wide] = cell.map((i, a) => model.positions(a, i));
  const canvas = element("canvas", { width: wide.length, height: high.length, class: "zoom" });
  const pixels = [];
  visit(model, cell, channel, (kind, value, at) => {
    const sample = (c) => sampleAt(model.data, ...at.map((one) => one.source), c);
    pixels.push(kind === PRESENT ? colourOf(model.data, sample, channel, tint) : [0, 0, 0, 0]);
  });
  paint(canvas, (h, w) => pixels[h * wide.length + w]);
  return canvas;
}

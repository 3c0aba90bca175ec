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

/** A number for a cell: five digits are enough to know it by, the arithmetic has more. */
function brief(v) {
  if (v === null) return "";
  if (!Number.isFinite(v)) return text(v);
  const near = Number(v.toPrecision(v > -1 && v < 1 ? 2 : Number.isInteger(v) ? 15 : 4));
  return plain(near).replace(/^(-?)0\./, "$1.");
}

/** The share of the way from the least to the largest value, for tints and greys. */
function scale(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  return (v) => (high > low && Number.isFinite(v) ? (Math.min(Math.max(v, low), high) - low) / (high - low) : 0);
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
      const cell = element("b", { text: v === null ? "\u00b7" : brief(v), class: v === null ? "void" : null });
      cell.dataset.at = `${h},${w}`;
      if (v !== null) cell.style.setProperty("--tint", `${Math.round(45 * tint(v))}%`);
      cells.set(cell.dataset.at, cell);
      board.append(cell);
    }
  }
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

function paint(canvas, colour) {
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  for (let h = 0, i = 0; h < canvas.height; h += 1) {
    for (let w = 0; w < canvas.width; w += 1, i += 4) {
      const [r, g, b, a = 255] = colour(h, w);
      image.data.set([r, g, b, a], i);
    }
  }
  pen.putImageData(image, 0, 0);
}

/** The colour of samples: of a picture its own, of other numbers a grey that grows with them. */
function colourOf(data, value, tint) {
  if (data.picture && data.kind === "Uint8" && data.dtype === "uint8") {
    const [r, g, b] = data.channels >= 3 ? [value(0), value(1), value(2)] : Array(3).fill(value(0));
    return [r, g, b];
  }
  const grey = Math.round(255 * tint(value(null)));
  return [grey, grey, grey];
}

const isDark = ([r, g, b]) => 0.3 * r + 0.6 * g + 0.1 * b < 128;

/** Where the window's samples stand among the rows or columns that are shown: of a picture also its neighbours. */
function shownAlong(positions, data) {
  const first = positions[0].at, last = positions.at(-1).at;
  const beyond = data.picture ? Math.max(0, Math.min(2, Math.floor((MOST_SAMPLES - (last - first + 1)) / 2))) : 0;
  if (!beyond) return positions;
  const members = new Map(positions.map((one) => [one.at, one]));
  return Array.from({ length: last - first + 1 + 2 * beyond }, (_, i) => members.get(first - beyond + i)
    ?? { at: first - beyond + i });
}

const isOnPage = (data, a, at) => at >= data.origin[a] && at < data.origin[a] + data.extent[a];

/** The window, sample by sample: one grid for each slice in depth. Absent samples have a sign and a word. */
function windowBoard(model, cell, channel, answer, present, tint) {
  const sizes = cell.map((i, a) => model.positions(a, i));
  if (sizes[1].length > MOST_SAMPLES || sizes[2].length > MOST_SAMPLES) return windowPicture(model, cell, channel, tint);
  const cells = sampleCells(model, cell, channel, answer, present);
  const { data } = model;
  const [rows, columns] = [1, 2].map((a) => shownAlong(sizes[a], data));
  return element("div", { class: "slices" }, ...sizes[0].flatMap((d) => {
    const grid = element("div", { class: "samples" });
    grid.style.setProperty("--columns", columns.length);
    for (const h of rows) {
      for (const w of columns) grid.append(cells.get(`${d.at},${h.at},${w.at}`) ?? neighbour(data, d, h, w, channel));
    }
    return model.axes[0].letter ? [element("h3", { text: `${model.axes[0].letter} ${d.at}` }), grid] : [grid];
  }));
}

/** The cells of the window itself, by their positions. */
function sampleCells(model, cell, channel, answer, present) {
  const order = new Map(present.places.map((place, i) => [place, i]));
  const uneven = new Set(answer.shares ?? []).size > 1;
  const cells = new Map();
  visit(model, cell, channel, (kind, value, at, number) => {
    const i = order.get(number);
    const share = uneven && i !== undefined ? answer.shares[i] : null;
    const made = sampleCell(model.data, kind, value, at, i !== undefined && i === answer.winner, share, channel);
    cells.set(at.map((one) => one.at).join(), made);
  });
  return cells;
}

/** A pixel beside the window. */
function neighbour(data, d, h, w, channel) {
  const made = element("b", { class: "around", "aria-hidden": "true" });
  if (!isOnPage(data, 0, d.at) || !isOnPage(data, 1, h.at) || !isOnPage(data, 2, w.at)) return made;
  made.style.background = `rgb(${colourOf(data, (c) => sampleAt(data, d.at, h.at, w.at, c ?? channel), () => 0)})`;
  return made;
}

const SIGNS = { [PADDING]: "\u00b7", [OVERHANG]: "\u00b7" };
const WORDS = {
  [PRESENT]: "", [FILLED]: "padding, filled", [PADDING]: "padding, no sample", [OVERHANG]: "beyond the end, no sample",
  [LEFT_OUT]: "left out",
};

function sampleCell(data, kind, value, at, wins, share, channel) {
  const cell = element("b", { class: [kind, wins ? "winner" : ""].join(" ").trim() });
  const place = `row ${at[1].at}, column ${at[2].at}`;
  cell.title = [place, WORDS[kind], wins ? "the winner" : ""].filter(Boolean).join(": ");
  cell.append(element("span", { text: value === null ? SIGNS[kind] : brief(value) }));
  if (share !== null) cell.append(element("small", { text: percent(share) }));
  if (value !== null && kind === PRESENT && data.picture) {
    const colour = colourOf(data, (c) => sampleAt(data, at[0].source, at[1].source, at[2].source, c ?? channel), () => 0);
    cell.style.background = `rgb(${colour})`;
    cell.style.color = isDark(colour) ? "#fff" : "#000";
  }
  return cell;
}

const percent = (share) => (Math.abs(share) < 1e-5 && share !== 0 ? "<.001%" : `${plain(Number((100 * share).toPrecision(3)))}%`);

/** A window of many samples as a picture; what is no sample stays clear. */
function windowPicture(model, cell, channel, tint) {
  const [, high, wide] = cell.map((i, a) => model.positions(a, i));
  const canvas = element("canvas", { width: wide.length, height: high.length, class: "zoom" });
  const pixels = [];
  visit(model, cell, channel, (kind, value, at) => {
    const sample = (c) => sampleAt(model.data, at[0].source, at[1].source, at[2].source, c ?? channel);
    pixels.push(kind === PRESENT ? colourOf(model.data, sample, tint) : [0, 0, 0, 0]);
  });
  paint(canvas, (h, w) => pixels[h * wide.length + w]);
  return canvas;
}

// The page: shows input, window, arithmetic and output together, and moves the window.

let model = null, boards = null, painting = 0;

function answerAt(cell, channel) {
  const present = presentIn(model, cell, channel);
  const answer = reduce(state.settings.reducer, present);
  return { present, answer, result: stored(answer.value, resultType(), data.round, data.nodata) };
}

// From choice to page.

/** Everything anew, after a choice. */
function rebuild() {
  showControls();
  if (!by("parameters").contains(document.activeElement)) parameterControls();
  attempt(() => {
    model = modelFor(data, structuredClone(state.settings));
    state.cell = within(state.cell);
    build();
    show();
  });
}

/** What cannot be is said, and the page stays as it was. */
function attempt(change) {
  try {
    change();
    by("trouble").textContent = "";
  } catch (error) {
    by("trouble").textContent = error.message;
  }
}

/** The nearest window that can be reached. */
const within = (cell) => cell.map((i, a) => Math.min(Math.max(i, model.reaches[a][0]), model.reaches[a][1]));

function build() {
  const tint = scale(data.samples);
  const depth = inputDepth();
  boards = { tint, depth, input: inputBoard(tint, depth), output: null };
  by("input").replaceChildren(boards.input.node, ...(isSeries() ? [drawLine(inputSeries(depth))] : []));
  const [, rows, columns] = model.reaches;
  const counts = model.axes.map((axis) => axis.starts.length);
  by("input-size").textContent = [sizeOf(model.axes.map((axis) => axis.length)), ...partShown(depth)].join(", ");
  by("output-size").textContent = `${sizeOf(counts)}, ${resultType()}`;
  const count = (rows[1] - rows[0] + 1) * (columns[1] - columns[0] + 1);
  const small = count <= MOST_CELLS && columns[1] - columns[0] < MOST_COLUMNS;
  by("output").replaceChildren();
  if (small) outputNumbers(rows, columns);
  else outputPicture(rows, columns);
  by("output").prepend(boards.output.node);
}

/** Whether the input has one pooled axis: rows and slices have no letters. */
const isSeries = () => !data.axes[0].letter && !data.axes[1].letter;

const inputSeries = (depth) => Array.from({ length: data.extent[2] }, (_, i) => (
  sampleAt(data, depth, data.origin[1], data.origin[2] + i, state.channel)));

/** The line below the output of a series, as soon as all of it is known. */
function lineOutput(values) {
  if (isSeries()) by("output").append(drawLine(values));
}

const AXES = ["slices", "rows", "columns"];

/** Which part of the input is on the page, and which slice of a volume is shown. */
function partShown(depth) {
  const cut = (a) => data.axes[a].letter && data.extent[a] < data.axes[a].length;
  const parts = AXES.flatMap((name, a) => (
    cut(a) ? [`${name} ${data.origin[a]} to ${data.origin[a] + data.extent[a] - 1} of it`] : []));
  return data.axes[0].letter ? [...parts, `slice ${depth} is shown`] : parts;
}

const sizeOf = (lengths) => lengths.filter((_, a) => data.axes[a].letter).join(" x ");

/** Which slice of a volume is shown: that of the window's first sample. */
const inputDepth = () => model.positions(0, state.cell[0]).find((one) => one.kind === PRESENT)?.at ?? 0;

function inputBoard(tint, depth) {
  const [, high, wide] = data.axes.map((_, a) => [data.origin[a], data.origin[a] + data.extent[a] - 1]);
  if (isSmall(data.extent) && !(data.picture && data.channels > 1)) {
    const padded = ([first, last], axis) => [first - Math.min(axis.before, 3), last + Math.min(axis.after, 3)];
    const inside = (i, axis) => i >= 0 && i < axis.length;
    const isSample = (h, w) => inside(h, model.axes[1]) && inside(w, model.axes[2]);
    const value = (h, w) => (isSample(h, w) ? sampleAt(data, depth, h, w, state.channel) : null);
    const board = numberBoard(padded(high, model.axes[1]), padded(wide, model.axes[2]), value, tint);
    for (const cell of board.node.querySelectorAll("b:not(.void)")) {
      const at = cell.dataset.at.split(",").map(Number);
      cell.classList.toggle("off", !isCounted(data, depth, ...at, state.channel));
    }
    return board;
  }
  const board = pictureBoard(high, wide, "The input as a picture");
  board.paint((h, w) => {
    const colour = colourOf(data, (c) => sampleAt(data, depth, h, w, c), state.channel, tint);
    return isCounted(data, depth, h, w, state.channel) ? colour : [...colour.slice(0, 3), colour[3] / 4];
  });
  return board;
}

function outputNumbers(rows, columns) {
  const values = new Map();
  for (let h = rows[0]; h <= rows[1]; h += 1) {
    for (let w = columns[0]; w <= columns[1]; w += 1) {
      values.set(`${h},${w}`, answerAt([state.cell[0], h, w], state.channel).result);
    }
  }
  boards.output = numberBoard(rows, columns, (h, w) => values.get(`${h},${w}`), scale(values.values()));
  lineOutput([...values.values()]);
}

/** A picture of the output, computed a few rows at a time so that the page stays awake. */
function outputPicture(rows, columns) {
  const board = pictureBoard(rows, columns, "The output as a picture");
  const dtype = resultType(), colours = channelsShown(data, dtype, state.channel);
  const wide = columns[1] - columns[0] + 1, deep = state.cell[0], mine = (painting += 1);
  const values = new Float64Array((rows[1] - rows[0] + 1) * wide * colours.length).fill(NaN);
  let h = rows[0];
  const step = () => {
    if (mine !== painting) return;
    const until = performance.now() + 25;
    for (; h <= rows[1] && performance.now() < until; h += 1) {
      for (let w = columns[0], i = (h - rows[0]) * wide * colours.length; w <= columns[1]; w += 1) {
        for (const channel of colours) values[i++] = answerAt([deep, h, w], channel).result ?? NaN;
      }
    }
    const tint = scale(values);
    board.paint((row, column) => {
      const i = ((row - rows[0]) * wide + column - columns[0]) * colours.length;
      return outputColour(data, dtype, values.subarray(i, i + colours.length), colours, tint);
    });
    board.node.dataset.done = h > rows[1];
    if (h <= rows[1]) setTimeout(step);
    else if (colours.length === 1) lineOutput(values);
  };
  boards.output = board;
  setTimeout(step);
}

// What is at the window.

function show() {
  const { cell } = state;
  if (inputDepth() !== boards.depth) build();
  const { present, answer, result } = answerAt(cell, state.channel);
  by("window").replaceChildren(windowBoard(model, cell, state.channel, answer, present, boards.tint));
  by("window-size").textContent = `${sizeOf(cell.map((i, a) => model.positions(a, i).length))}, ${present.x.length} present`;
  markInput(present, answer);
  if (boards.output.mark) boards.output.mark([[`${cell[1]},${cell[2]}`, "in"]]);
  else boards.output.frame([cell[1], cell[1]], [cell[2], cell[2]]);
  reveal(by("output"));
  legend();
  tell(present, answer, result);
}

/** Bring the window into sight on a board that is wider than the screen. */
function reveal(board) {
  const marked = [...board.querySelectorAll(".in, .winner, .in-void")].map((cell) => cell.getBoundingClientRect());
  if (!marked.length || board.scrollWidth <= board.clientWidth) return;
  const sight = board.getBoundingClientRect();
  const left = Math.min(...marked.map((box) => box.left)), right = Math.max(...marked.map((box) => box.right));
  if (left < sight.left || right > sight.right) board.scrollLeft += (left + right - sight.left - sight.right) / 2;
}

function markInput(present, answer) {
  const [, high, wide] = state.cell.map((i, a) => model.positions(a, i));
  if (boards.input.frame) {
    boards.input.frame([high[0].at, high.at(-1).at], [wide[0].at, wide.at(-1).at]);
    return;
  }
  const classes = [];
  visit(model, state.cell, state.channel, (kind, value, at, number) => {
    if (at[0].at !== boards.depth) return;
    const name = LEFT.includes(kind) ? "left-out" : kind === PRESENT || kind === FILLED ? "in" : "in-void";
    classes.push([`${at[1].at},${at[2].at}`, present.places[answer.winner] === number ? "winner" : name]);
  });
  boards.input.mark(classes);
  reveal(by("input"));
}

const LEGEND = { present: "in the window", winner: "the winner", padding: "padding: no sample",
  filled: "padding, filled", overhang: "beyond the end: no sample", "left-out": "left out (NaN or nodata)",
  masked: "masked: does not count", weightless: "weight 0: does not count" };
const LEFT = [LEFT_OUT, MASKED, WEIGHTLESS];

function legend() {
  const used = Object.keys(LEGEND).filter((name) => by("window").querySelector(`b.${name}`));
  const sign = (name) => element("b", { class: name, text: SIGNS[name] ?? "7" });
  by("legend").replaceChildren(...used.map((name) => element("li", {}, sign(name), ` ${LEGEND[name]}`)));
}

function tell(present, answer, result) {
  const { setup, steps, rule } = written(state.settings.reducer, present, answer);
  const where = data.axes.flatMap((axis, a) => (axis.letter ? [`${axis.letter} ${state.cell[a]}`] : [])).join(", ");
  const { name, value } = rowOf();
  by("where").replaceChildren(element("strong", { text: `Output ${where}: ` }), `${name}, ${value}`);
  by("setup").replaceChildren(...setup.map((line) => element("li", { text: line })));
  by("steps").replaceChildren(...steps.map((line) => element("li", { text: line })));
  by("rule").textContent = rule;
  by("value").textContent = text(answer.value);
  by("value").dataset.value = String(answer.value);
  const asIs = result === null || result === answer.value;
  by("result").textContent = asIs ? text(result) : digits(result, resultType());
  by("result").dataset.value = String(result);
  by("rounding").textContent = `${resultType()}: ${roundingOf(answer.value, result, resultType(), data.round)}`;
}

// Moving.

function moveBy(steps) {
  moveTo(state.cell.map((i, a) => i + steps[a]));
}

function moveTo(cell) {
  state.cell = within(cell);
  attempt(show);
}

const KEYS = { ArrowLeft: [0, 0, -1], ArrowRight: [0, 0, 1], ArrowUp: [0, -1, 0], ArrowDown: [0, 1, 0],
  PageUp: [-1, 0, 0], PageDown: [1, 0, 0], Home: [0, 0, -Infinity], End: [0, 0, Infinity] };

function onKey(event) {
  const steps = KEYS[event.key];
  if (!steps || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  moveBy(steps.map((step) => (event.shiftKey ? 10 * step : step)));
}

/** The window whose middle is nearest to a position. */
function nearest(axis, at, [first, last]) {
  let best = first;
  const away = (i) => Math.abs((axis.starts[i] + axis.stops[i]) / 2 - at);
  for (let i = first; i <= last; i += 1) if (away(i) < away(best)) best = i;
  return best;
}

function onInput(event) {
  const at = boards.input.find(event);
  if (at) moveTo([state.cell[0], ...[1, 2].map((a) => nearest(model.axes[a], at[a - 1], model.reaches[a]))]);
}

function onOutput(event) {
  const at = boards.output.find(event);
  if (at) moveTo([state.cell[0], Math.floor(at[0]), Math.floor(at[1])]);
}

/** A click or a tap moves the window, a drag with the mouse takes it along. */
function follow(board, move) {
  board.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    board.focus({ preventScroll: true });
    move(event);
  });
  board.addEventListener("pointermove", (event) => {
    if (event.buttons & 1 && event.pointerType !== "touch") move(event);
  });
  board.addEventListener("keydown", onKey);
}

controls();
own();
follow(by("input"), onInput);
follow(by("output"), onOutput);
for (const button of document.querySelectorAll("[data-move]")) {
  button.addEventListener("click", () => moveBy(button.dataset.move.split(",").map(Number)));
}
rebuild();

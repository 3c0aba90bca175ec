// Numbers of the reader's own: a matrix that is typed or pasted, or one cell that is changed.

/** Whether the input is one plane of numbers, all of it here, and all of them count. */
const isPlain = () => !data.picture && !data.mask && !data.weights && !data.axes[0].letter
  && data.channels === 1 && data.allChannels === 1 && data.batches === 1 && data.extent.every((n, a) => n === data.axes[a].length) && isSmall(data.extent);

const heldBy = { float64: (v) => v, float32: Math.fround, float16: half };

/** A number that the input's dtype holds; an Error says why it cannot be. */
function numberFrom(word) {
  const special = { nan: NaN, inf: Infinity, "-inf": -Infinity };
  const v = special[word.toLowerCase()] ?? (word === "" ? NaN : Number(word));
  if (Number.isNaN(v) && word.toLowerCase() !== "nan") throw new Error(`"${word}" is no number.`);
  if (data.dtype.startsWith("float")) return heldBy[data.dtype](v);
  const [low, high] = limits(data.dtype);
  if (!Number.isInteger(v) || v < low || v > high || Math.abs(v) > 2 ** 53) {
    throw new Error(`${word} is no ${data.dtype}; whole numbers from ${low} to ${high} would work.`);
  }
  return v;
}

/** Rows of numbers from a text: lines or semicolons between rows; commas, tabs or blanks between numbers. */
function rowsFrom(written) {
  const lines = written.replace(/\]\s*,?\s*\[/g, ";").replace(/[[\]]/g, " ").split(/[;\n]/);
  const rows = lines.map((line) => line.trim()).filter(Boolean).map((line) => line.split(/\s*,\s*|\s+/).map(numberFrom));
  if (!rows.length) throw new Error("There are no numbers; 1 3; 5 6 would work.");
  const odd = rows.findIndex((row) => row.length !== rows[0].length);
  if (odd > 0) throw new Error(`Row ${odd + 1} has ${rows[odd].length} numbers, row 1 has ${rows[0].length}.`);
  if (!isSmall([1, rows.length, rows[0].length])) throw new Error(`More than ${MOST_CELLS} numbers, or ${MOST_COLUMNS} in a row.`);
  if (!data.axes[1].letter && rows.length > 1) throw new Error("The input is one row of numbers.");
  return rows;
}

/** Take other numbers as the input; windows that were given for a certain length become fixed ones. */
function take(rows) {
  const before = { samples: data.samples, axes: data.axes, extent: data.extent, windowing: state.settings.windowing };
  const lengths = [1, rows.length, rows[0].length];
  data.samples = Float64Array.from(rows.flat());
  if (lengths.some((n, a) => n !== data.extent[a])) {
    data.extent = lengths;
    data.axes = data.axes.map((axis, a) => ({ ...axis, length: lengths[a] }));
    if (state.settings.windowing === "given") state.settings.windowing = "fixed";
  }
  rebuild();
  if (by("trouble").textContent) {
    const why = by("trouble").textContent;
    state.settings.windowing = before.windowing;
    Object.assign(data, { samples: before.samples, axes: before.axes, extent: before.extent });
    rebuild();
    by("trouble").textContent = why;
  }
}

const rowsNow = () => {
  const [, high, wide] = data.extent;
  return Array.from({ length: high }, (_, h) => Array.from(data.samples.subarray(h * wide, (h + 1) * wide), Number));
};

/** An input in the place of a number; Enter or leaving it takes what was typed, Escape does not. */
function editCell(cell) {
  const [h, w] = cell.dataset.at.split(",").map(Number);
  const rows = rowsNow();
  if (rows[h]?.[w] === undefined) return;
  const input = element("input", { value: text(rows[h][w]) === "nan" ? "nan" : plain(rows[h][w]), "aria-label": `row ${h}, column ${w}` });
  cell.replaceChildren(input);
  input.select();
  let done = false;
  const end = (takes) => {
    if (done) return;
    done = true;
    attempt(() => { if (takes) rows[h][w] = numberFrom(input.value.trim()); });
    const why = by("trouble").textContent;
    take(rows);
    by("trouble").textContent = why || by("trouble").textContent;
  };
  input.addEventListener("blur", () => end(true));
  input.addEventListener("pointerdown", (event) => event.stopPropagation());
  input.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter" || event.key === "Escape") end(event.key === "Enter");
  });
}

function own() {
  by("own").hidden = !isPlain();
  if (!isPlain()) return;
  by("matrix").value = rowsNow().map((row) => row.map(plain).join(" ").replaceAll("NaN", "nan")).join("\n");
  by("use").addEventListener("click", () => attempt(() => {
    take(rowsFrom(by("matrix").value));
    if (by("trouble").textContent) throw new Error(by("trouble").textContent);
  }));
  by("input").addEventListener("dblclick", (event) => { if (event.target.dataset?.at) editCell(event.target); });
}

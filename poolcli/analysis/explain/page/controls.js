// What the reader has chosen: the data of the page, the state, and the controls that change it.

const by = (id) => document.getElementById(id);
const data = read();
const state = { settings: structuredClone(data.settings), channel: data.channel, cell: [...data.cell] };

/** The data of the page, its samples as numbers. */
function read() {
  const special = new Map([["inf", Infinity], ["-inf", -Infinity], ["nan", NaN]]);
  const found = JSON.parse(by("data").textContent, (_, value) => (special.has(value) ? special.get(value) : value));
  const kinds = { Uint8: Uint8Array, Int8: Int8Array, Uint16: Uint16Array, Int16: Int16Array, Uint32: Uint32Array,
    Int32: Int32Array, Float32: Float32Array, Float64: Float64Array };
  const decode = (one) => one && new kinds[one.kind](
    Uint8Array.from(atob(one.base64), (letter) => letter.charCodeAt(0)).buffer);
  return { ...found, samples: decode(found), mask: decode(found.mask), weights: decode(found.weights) };
}

const rowOf = () => data.reducers.find((one) => one.name === state.settings.reducer);

function resultType() {
  const types = rowOf().dtypes[state.settings.windowing === "given" ? "given" : "chosen"];
  return types[Object.keys(types).find((flag) => state.settings.parameters[flag]) ?? ""];
}

// What was chosen.

function controls() {
  by("name").textContent = data.name;
  const shape = data.axes.filter((axis) => axis.letter).map((axis) => `${axis.letter} ${axis.length}`).join(", ");
  const channels = data.allChannels > 1 ? `, ${data.allChannels} channels` : "";
  by("about").textContent = [`${shape}${channels}, ${data.dtype}.`, ...data.notes].join(" ");
  const option = (value, text, title = null) => element("option", { value, text, title });
  by("reducer").append(...data.reducers.map(({ name, help }) => option(name, name, help)));
  by("channel").append(...Array.from({ length: data.channels }, (_, c) => option(c, data.firstChannel + c)));
  by("channels").hidden = data.channels < 2;
  for (const button of document.querySelectorAll("[data-move]")) {
    button.hidden = button.dataset.move.split(",").some((step, a) => step !== "0" && !data.axes[a].letter);
  }
  by("reducer").addEventListener("change", () => { chooseReducer(by("reducer").value); rebuild(); });
  by("windowing").addEventListener("change", () => { state.settings.windowing = by("windowing").value; rebuild(); });
  by("channel").addEventListener("change", () => { state.channel = Number(by("channel").value); rebuild(); });
  by("ceil").addEventListener("change", () => {
    Object.assign(state.settings, { ceil: by("ceil").checked, windowing: "fixed" });
    rebuild();
  });
  for (const name of ["size", "stride", "padding", "dilation", "count"]) {
    by(name).addEventListener("input", () => chooseNumber(name, by(name)));
  }
}

function chooseNumber(name, input) {
  if (!input.checkValidity() || input.value === "") return;
  const { settings } = state;
  settings[name] = Number(input.value);
  if (settings.windowing === "given") settings.windowing = "fixed";
  rebuild();
}

function chooseReducer(name) {
  state.settings.reducer = name;
  const own = rowOf().parameters.map((one) => [one.name, one.default]);
  state.settings.parameters = Object.fromEntries(own);
}

const LABELS = { count_include_pad: "padding counts as zeros", divisor: "divide the sum by (empty: how many samples)" };

/** The reducer's own parameters. */
function parameterControls() {
  const inputs = rowOf().parameters.map((one) => {
    const value = state.settings.parameters[one.name];
    const flag = one.kind === "flag", words = LABELS[one.name] ?? one.name.replaceAll("_", " ");
    const input = element("input", { id: `parameter-${one.name}`, type: flag ? "checkbox" : "number", step: "any" });
    if (flag) input.checked = Boolean(value);
    else input.value = value ?? "";
    input.addEventListener("change", () => chooseParameter(one, input));
    return element("label", { title: one.help, class: flag ? "check" : null }, ...(flag ? [input, words] : [words, input]));
  });
  by("parameters").replaceChildren(...inputs);
}

const VALID = { p: (v) => v > 0, eps: (v) => v > 0, r: (v) => v !== 0, weight: (v) => v >= 0 && v <= 1,
  q: (v) => v >= 0 && v <= 1, divisor: (v) => v >= 1 && Number.isInteger(v) };

function chooseParameter(one, input) {
  const value = one.kind === "flag" ? input.checked : input.value === "" ? one.default : Number(input.value);
  if (value !== null && one.kind !== "flag" && !(VALID[one.name]?.(value) ?? true)) {
    by("trouble").textContent = `${one.name} cannot be ${input.value}.`;
    return;
  }
  state.settings.parameters[one.name] = value;
  rebuild();
}

function showControls() {
  const { settings } = state;
  by("reducer").value = settings.reducer;
  by("sentence").textContent = rowOf().help;
  by("windowing").value = settings.windowing;
  by("channel").value = state.channel;
  by("ceil").checked = settings.ceil;
  for (const name of ["size", "stride", "padding", "dilation", "count"]) {
    if (document.activeElement !== by(name)) by(name).value = settings[name];
  }
  for (const label of document.querySelectorAll("[data-for]")) {
    const fits = label.dataset.for.split(" ").includes(settings.windowing === "given" ? "fixed" : settings.windowing);
    label.hidden = !fits;
  }
}

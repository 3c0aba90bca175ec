// The arithmetic of a window written out: the same lines as poolcli/analysis/explain, in doubles.

/** A number in up to ten digits, with ... where more follow. */
function text(v) {
  if (v === null) return "none";
  if (!Number.isFinite(v)) return String(v).replace("Infinity", "inf").replace("NaN", "nan");
  const near = Number.isInteger(v) ? v : Number(v.toPrecision(10));
  const written = plain(near);
  return near === v ? written : written.replace(/(e.*)?$/, "...$1");
}

/** A sample in seven digits. */
const shown = (v) => (Number.isFinite(v) && !Number.isInteger(v) ? plain(Number(v.toPrecision(7))) : text(v));

/** A result in as many digits as tell it from its neighbours in its dtype. */
function digits(v, dtype) {
  if (!Number.isFinite(v)) return text(v);
  const same = (p) => stored(Number(v.toPrecision(p)), dtype, "half-even", null) === v;
  const enough = dtype === "float32" || dtype === "float16" ? [3, 4, 5, 6, 7, 8, 9].find(same) : undefined;
  return plain(enough ? Number(v.toPrecision(enough)) : v);
}

/** A number as it is: String() would end large whole numbers in zeros that they do not have. */
const plain = (v) => (Number.isInteger(v) && Math.abs(v) < 1e21 ? String(BigInt(v)) : String(v).replace("e+", "e"));
const signed = (written) => (written.startsWith("-") ? `(${written})` : written);
const often = (count) => ["never", "once", "twice"][count] ?? `${count} times`;

/** Terms joined; of more than nine the first four and the last two. */
function listed(x, term, glue = " + ") {
  const parts = x.length <= 9
    ? x.map(term)
    : [...x.slice(0, 4).map(term), "...", ...x.slice(-2).map((v, i) => term(v, x.length - 2 + i))];
  const joined = parts.join(glue);
  return glue === " + " ? joined.replaceAll("+ -", "- ") : joined;
}

const samples = (w, glue) => listed(w.x, shown, glue);

function extreme(name, adjective) {
  return (w, { value }) => {
    const ties = w.x.filter((v) => v === value).length;
    const first = ties > 1 ? `; it is there ${often(ties)}, and the first wins` : "";
    return { steps: [`${name}(${samples(w, ", ")})`], rule: `the ${adjective}${first}` };
  };
}

function average(w) {
  const by = divisor(w);
  const why = w.parameters.divisor ? "as asked"
    : w.parameters.count_include_pad ? "the positions of the window with its padding" : "the samples that are present";
  return { steps: [`(${samples(w)}) / ${by}`, `${text(total(w.x))} / ${by}`], rule: `divided by ${by}, ${why}` };
}

function powers(term, divided) {
  return (w) => {
    const p = text(w.parameters.p ?? 2);
    const z = w.x.map((v) => (divided ? Math.max(v, w.parameters.eps) : Math.abs(v)));
    if (p === "inf") return { steps: [`max(${listed(w.x, (v) => `|${shown(v)}|`, ", ")})`] };
    const sum = total(z.map((v) => v ** (w.parameters.p ?? 2)));
    const tail = divided ? ` / ${z.length}` : "";
    const inside = `(${listed(divided ? z : w.x, (v) => `${term(v)}^${p}`)})${tail}`;
    const steps = [divided ? `(${inside})^(1/${p})` : `${inside}^(1/${p})`];
    const inRange = sum > 1e-300 && sum < Infinity;
    if (inRange) steps.push(divided ? `(${text(sum)}${tail})^(1/${p})` : `${text(sum)}^(1/${p})`);
    return { steps };
  };
}

function logarithm(w) {
  const { r } = w.parameters;
  const m = w.x[r > 0 ? largest(w.x) : smallest(w.x)];
  const mean = total(w.x.map((v) => Math.exp(r * (v - m)))) / w.x.length;
  const terms = listed(w.x, (v) => `e^${signed(text(r * (v - m)))}`);
  return {
    setup: [`m = ${r > 0 ? "max" : "min"} x = ${text(m)}, so that nothing overflows`],
    steps: ["m + log(mean e^(r (x - m))) / r", `${text(m)} + log((${terms}) / ${w.x.length}) / ${text(r)}`,
      `${text(m)} + ${signed(text(Math.log(mean) / r))}`],
  };
}

function softmax(w, { value, mass }) {
  const alpha = w.parameters.alpha;
  const m = w.x[alpha >= 0 ? largest(w.x) : smallest(w.x)];
  const power = (v) => `e^${signed(text(alpha * (v - m)))}`;
  const exponent = alpha === 1 ? "x - m" : "alpha (x - m)";
  return {
    setup: [`m = ${alpha >= 0 ? "max" : "min"} x = ${text(m)}, so that nothing overflows`],
    steps: [`sum x e^(${exponent}) / sum e^(${exponent})`,
      `(${listed(w.x, (v) => `${signed(shown(v))} ${power(v)}`)}) / (${listed(w.x, power)})`,
      `${text(value * mass)} / ${text(mass)}`],
  };
}

function mixture(w) {
  const share = w.parameters.weight;
  const mean = total(w.x) / w.x.length;
  return {
    steps: [`${text(share)} max(${samples(w, ", ")}) + ${text(1 - share)} (${samples(w)}) / ${w.x.length}`,
      `${text(share)} * ${shown(w.x[largest(w.x)])} + ${text(1 - share)} * ${text(mean)}`],
  };
}

function chance(w, { winner }) {
  const mass = total(w.x);
  if (w.parameters.expected) {
    const squares = total(w.x.map((v) => v * v));
    const top = listed(w.x, (v) => `${shown(v)}^2`);
    return { steps: [`(${top}) / (${samples(w)})`, `${text(squares)} / ${text(mass)}`] };
  }
  let reached = 0;
  const running = w.x.map((v) => (reached += v));
  return {
    setup: [`t = ${text(w.draw)}, the random number of this output`,
      `t sum x = ${text(w.draw)} * ${text(mass)} = ${text(w.draw * mass)}`,
      `running sums: ${listed(running, text, ", ")}`],
    steps: [`x_${winner}`],
    rule: "the first whose running sum is more than t sum x",
  };
}

function ranks(w, { order, rank }) {
  const n = w.x.length, j = Math.floor(rank), g = rank - j;
  const sorted = order.map((i) => w.x[i]);
  const around = sorted.slice(Math.max(j - 2, 1), j + 4).map(shown);
  const line = n <= 12 ? sorted.map(shown) : [shown(sorted[0]), "...", ...around, "...", shown(sorted[n - 1])];
  const setup = [`sorted: ${line.join(" ")}`,
    `rank (n - 1) q = ${n - 1} * ${text(w.parameters.q ?? 0.5)} = ${text(rank)}, counted from 0`];
  if (g === 0 || sorted[j] === sorted[j + 1]) return { setup, steps: [`sorted[${j}]`] };
  return {
    setup,
    steps: [`sorted[${j}] + (sorted[${j + 1}] - sorted[${j}]) * ${text(g)}`,
      `${shown(sorted[j])} + (${shown(sorted[j + 1])} - ${signed(shown(sorted[j]))}) * ${text(g)}`],
  };
}

function frequency(w) {
  const found = counts(w.x);
  const left = found.length > 6 ? [`${found.length - 6} more values`] : [];
  const tied = found.filter(([, many]) => many === found[0][1]).length;
  return {
    setup: [[...found.slice(0, 6).map(([v, many]) => `${shown(v)} ${often(many)}`), ...left].join(", ")],
    steps: [`most frequent(${samples(w, ", ")})`],
    rule: tied > 1 ? `the smallest of ${tied} values that are equally frequent` : "the most frequent value",
  };
}

function moments(rooted) {
  return (w) => {
    const { mean, value } = variance(w.x);
    const inside = `(${listed(w.x, (v) => `(${shown(v)} - ${signed(text(mean))})^2`)}) / ${w.x.length}`;
    return {
      setup: [`mean x = ${text(mean)}`],
      steps: rooted
        ? [`sqrt(${inside})`, `sqrt(${text(value)})`]
        : [inside, `${text(value * w.x.length)} / ${w.x.length}`],
    };
  };
}

function blurred(w) {
  const sum = total(w.x.map((v, i) => v * w.weights[i]));
  return {
    steps: [`(${listed(w.x, (v, i) => `${text(w.weights[i])}*${signed(shown(v))}`)}) / (${listed(w.weights, text)})`,
      `${text(sum)} / ${text(total(w.weights))}`],
    rule: "weights of present samples only, so that padding does not darken",
  };
}

/** Samples that count differently: sums and means with their numbers, others by their formula. */
function writtenWeighted(name, w, { value }) {
  const each = name === "blur" ? w.given.map((v, i) => v * w.weights[i]) : w.given.map((v) => v / w.unit);
  const top = listed(w.x, (v, i) => `${text(each[i])}*${signed(shown(v))}`);
  if (name === "sum") return { steps: [top] };
  if (name !== "avg" && name !== "blur") {
    const setup = [`w = ${listed(each, text, ", ")}`];
    return { setup, steps: [w.formula], rule: "each sample counts by its weight w" };
  }
  const mass = total(each);
  return {
    steps: [`(${top}) / (${listed(each, text)})`, `${text(value * mass)} / ${text(mass)}`],
    rule: "divided by the weight of the samples that are present",
  };
}

const WRITE = {
  max: extreme("max", "largest"),
  min: extreme("min", "smallest"),
  avg: average,
  sum: (w) => ({ steps: [samples(w)] }),
  lp: powers((v) => `|${shown(v)}|`, false),
  l2: powers((v) => `|${shown(v)}|`, false),
  gem: powers(shown, true),
  lse: logarithm,
  soft: softmax,
  mixed: mixture,
  stochastic: chance,
  median: ranks,
  quantile: ranks,
  mode: frequency,
  var: moments(false),
  std: moments(true),
  range: (w) => ({ steps: [`max(${samples(w, ", ")}) - min(...)`,
    `${shown(w.x[largest(w.x)])} - ${signed(shown(w.x[smallest(w.x)]))}`] }),
  blur: blurred,
  subsample: () => ({ steps: ["x_0"], rule: "the first present sample" }),
};

/** {setup, steps, rule} of a window. The last step is the value. */
function written(name, w, answer) {
  if (!w.x.length) return { setup: [], steps: ["no sample is present"], rule: "" };
  if (Number.isNaN(answer.value) && w.x.some(Number.isNaN)) {
    return { setup: [], steps: ["a NaN is in the window, and NaN wins"], rule: "" };
  }
  const { setup = [], steps, rule = "" } = w.given ? writtenWeighted(name, w, answer) : WRITE[name](w, answer);
  const last = text(answer.value);
  return { setup, steps: steps.at(-1) === last ? steps : [...steps, last], rule };
}

/** What happened to a value on its way into a dtype. */
function roundingOf(value, result, dtype, rounding) {
  if (value === null || Number.isNaN(value)) return `nothing becomes ${text(result)}`;
  if (dtype.startsWith("float")) return result === value ? "nothing to round" : "to the nearest";
  if (result === value) return "a whole number, nothing to round";
  const rounded = Number.isFinite(value) ? ROUND[rounding](value) : value;
  const which = rounded > result ? "largest" : "smallest";
  const limit = rounded === result ? "" : `; the ${which} ${dtype} is ${result}`;
  return rounded === value ? `${text(value)}${limit}` : `${text(value)} rounded ${rounding} to ${rounded}${limit}`;
}

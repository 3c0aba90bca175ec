// What each reducer makes of a window's present samples: the rules of poolcli/kernels, in doubles.
//
// w is {x, weights, nominal, draw, parameters}; a rule gives {value, winner, shares}: the number of the sample that is
// the result, and what each sample counts for, where there is such a thing.

/** The sum, compensated (Neumaier): right to the last bits. */
function total(x) {
  let sum = 0, lost = 0;
  for (const v of x) {
    const next = sum + v;
    lost += Math.abs(sum) >= Math.abs(v) ? (sum - next) + v : (v - next) + sum;
    sum = next;
  }
  return Number.isFinite(lost) ? sum + lost : sum;
}

function first(x, better) {
  let best = 0;
  for (let i = 1; i < x.length; i += 1) if (better(x[i], x[best])) best = i;
  return best;
}

const largest = (x) => first(x, (a, b) => a > b);
const smallest = (x) => first(x, (a, b) => a < b);
const picked = (w, winner) => ({ value: w.x[winner], winner });
const each = (w, share) => w.x.map(() => share);

function divisor(w) {
  const { divisor: given, count_include_pad: padded } = w.parameters;
  return given || (padded ? w.nominal : w.x.length);
}

function variance(x) {
  const mean = total(x) / x.length;
  const away = x.map((v) => (v - mean) ** 2);
  const sum = total(away);
  return { mean, value: sum / x.length, shares: away.map((v) => (sum > 0 ? v / sum : 0)) };
}

function powered(z, p, count) {
  const m = z[largest(z)];
  if (m === 0 || m === Infinity) return { value: m, shares: z.map((v) => Number(v === m)) };
  const scaled = z.map((v) => (v / m) ** p);
  const sum = total(scaled);
  return { value: m * (sum / count) ** (1 / p), shares: scaled.map((v) => v / sum) };
}

function norm(w) {
  const p = w.parameters.p ?? 2;
  const z = w.x.map(Math.abs);
  if (p !== Infinity) return powered(z, p, 1);
  const m = z[largest(z)];
  return { value: m, shares: z.map((v) => Number(v === m)) };
}

function quantile(w) {
  const n = w.x.length;
  const order = w.x.map((_, i) => i).sort((i, j) => w.x[i] - w.x[j] || i - j);
  const h = (n - 1) * (w.parameters.q ?? 0.5);
  const j = Math.floor(h), g = h - j;
  const low = order[j], high = order[Math.min(j + 1, n - 1)];
  const shares = each(w, 0);
  shares[low] += 1 - g;
  shares[high] += g;
  const value = g === 0 || w.x[low] === w.x[high] ? w.x[low] : w.x[low] + (w.x[high] - w.x[low]) * g;
  return { value, shares, order, rank: h };
}

function counts(x) {
  const found = new Map();
  for (const v of x) found.set(v, (found.get(v) ?? 0) + 1);
  return [...found].sort(([a, many], [b, more]) => more - many || a - b);
}

function mode(w) {
  return picked(w, w.x.indexOf(counts(w.x)[0][0]));
}

function drawn(w) {
  const mass = w.x.reduce((sum, v) => sum + v, 0);
  const shares = w.x.map((v) => (mass ? v / mass : 1 / w.x.length));
  if (w.parameters.expected) {
    const squares = total(w.x.map((v) => v * v));
    return { value: mass ? squares / total(w.x) : 0, shares };
  }
  let reached = 0;
  const winner = w.x.findIndex((v) => (reached += v) > w.draw * mass);
  return { ...picked(w, winner < 0 ? Math.max(0, w.x.findLastIndex((v) => v > 0)) : winner), shares };
}

function logMeanExp(w) {
  const { r } = w.parameters;
  const m = w.x[r > 0 ? largest(w.x) : smallest(w.x)];
  const grown = w.x.map((v) => Math.exp(r * (v - m)));
  const sum = total(grown);
  return { value: m + Math.log(sum / w.x.length) / r, shares: grown.map((v) => v / sum) };
}

function softmaxMean(w) {
  const alpha = w.parameters.alpha;
  const m = w.x[alpha >= 0 ? largest(w.x) : smallest(w.x)];
  const grown = w.x.map((v) => Math.exp(alpha * (v - m)));
  const mass = total(grown);
  return { value: m + total(w.x.map((v, i) => (v - m) * grown[i])) / mass, shares: grown.map((v) => v / mass), mass };
}

function range(w) {
  const shares = each(w, 0);
  shares[largest(w.x)] += 1;
  shares[smallest(w.x)] -= 1;
  return { value: w.x[largest(w.x)] - w.x[smallest(w.x)], shares };
}

function mixed(w) {
  const share = w.parameters.weight;
  const shares = each(w, (1 - share) / w.x.length);
  shares[largest(w.x)] += share;
  return { value: share * w.x[largest(w.x)] + (1 - share) * total(w.x) / w.x.length, shares };
}

function blur(w) {
  const mass = total(w.weights);
  return { value: total(w.x.map((v, i) => v * w.weights[i])) / mass, shares: w.weights.map((v) => v / mass) };
}

function generalisedMean(w) {
  const { p, eps } = w.parameters;
  return powered(w.x.map((v) => Math.max(v, eps)), p, w.x.length);
}

const REDUCE = {
  max: (w) => picked(w, largest(w.x)),
  min: (w) => picked(w, smallest(w.x)),
  avg: (w) => ({ value: total(w.x) / divisor(w), shares: each(w, 1 / divisor(w)) }),
  sum: (w) => ({ value: total(w.x), shares: each(w, 1) }),
  lp: norm,
  l2: norm,
  gem: generalisedMean,
  lse: logMeanExp,
  soft: softmaxMean,
  mixed,
  stochastic: drawn,
  median: quantile,
  quantile,
  mode,
  var: (w) => variance(w.x),
  std: (w) => { const found = variance(w.x); return { ...found, value: Math.sqrt(found.value) }; },
  range,
  blur,
  subsample: (w) => picked(w, 0),
};

// Where samples count differently: w.given has a number above 0 for each, in units of w.unit.

/** Sum w f(x) and sum w, in units. */
const weighed = (w, f) => total(w.x.map((v, i) => w.given[i] * f(v, i)));
const massOf = (w) => total(w.given);

function weightedPowers(w, z, p, mass) {
  const m = z[largest(z)];
  if (m === 0 || m === Infinity || p === Infinity) return m;
  return m * (weighed(w, (_, i) => (z[i] / m) ** p) / mass) ** (1 / p);
}

function weightedVariance(w) {
  const mean = weighed(w, (v) => v) / massOf(w);
  return weighed(w, (v) => (v - mean) ** 2) / massOf(w);
}

/** The first sample up to which there is the share q of the weight. */
function weightedQuantile(w) {
  const order = w.x.map((_, i) => i).sort((i, j) => w.x[i] - w.x[j] || i - j);
  const upTo = (v) => total(w.given.filter((_, i) => w.x[i] <= v));
  return w.x[order.find((i) => upTo(w.x[i]) / massOf(w) >= (w.parameters.q ?? 0.5))];
}

function weightedMode(w) {
  const votes = new Map();
  w.x.forEach((v, i) => votes.set(v, (votes.get(v) ?? 0) + w.given[i]));
  return w.x.indexOf([...votes].sort(([a, many], [b, more]) => more - many || a - b)[0][0]);
}

const WEIGHTED = {
  avg: (w) => weighed(w, (v) => v) / massOf(w),
  sum: (w) => weighed(w, (v) => v) / w.unit,
  lp: (w) => weightedPowers(w, w.x.map(Math.abs), w.parameters.p, w.unit),
  l2: (w) => weightedPowers(w, w.x.map(Math.abs), 2, w.unit),
  gem: (w) => weightedPowers(w, w.x.map((v) => Math.max(v, w.parameters.eps)), w.parameters.p, massOf(w)),
  lse(w) {
    const { r } = w.parameters, m = w.x[r > 0 ? largest(w.x) : smallest(w.x)];
    return m + Math.log(weighed(w, (v) => Math.exp(r * (v - m))) / massOf(w)) / r;
  },
  soft(w) {
    const { alpha } = w.parameters, m = w.x[alpha >= 0 ? largest(w.x) : smallest(w.x)];
    const grown = (v) => Math.exp(alpha * (v - m));
    return m + weighed(w, (v) => (v - m) * grown(v)) / weighed(w, grown);
  },
  mixed(w) {
    const share = w.parameters.weight;
    return share * w.x[largest(w.x)] + (1 - share) * weighed(w, (v) => v) / massOf(w);
  },
  median: weightedQuantile,
  quantile: weightedQuantile,
  var: weightedVariance,
  std: (w) => Math.sqrt(weightedVariance(w)),
  blur: (w) => weighed(w, (v, i) => v * w.weights[i]) / weighed(w, (_, i) => w.weights[i]),
};

/** The answer of samples that count differently, with the share of each of their weight. */
function reduceWeighted(name, w) {
  const each = name === "blur" ? w.given.map((v, i) => v * w.weights[i]) : w.given;
  const mass = name === "sum" ? w.unit : total(each);
  const shares = each.map((v) => v / mass);
  return name === "mode" ? { ...picked(w, weightedMode(w)), shares } : { value: WEIGHTED[name](w), shares };
}

const PICKS = ["max", "min", "stochastic", "mode", "subsample"];

/** A reducer's answer; NaN and empty windows first, for which no reducer has a rule of its own. */
function reduce(name, w) {
  if (!w.x.length) return { value: null };
  const last = w.x.findLastIndex(Number.isNaN);
  if (last >= 0 && name !== "subsample") return { value: NaN, winner: PICKS.includes(name) ? last : undefined };
  return w.given ? reduceWeighted(name, w) : REDUCE[name](w);
}

// From a value to the result's type.

const ROUND = {
  "half-up": (v) => (v - Math.floor(v) >= 0.5 ? Math.floor(v) + 1 : Math.floor(v)), // v + 0.5 could round up itself
  "half-even": (v) => {
    const low = Math.floor(v), rest = v - low;
    return rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low;
  },
  floor: Math.floor,
  ceil: Math.ceil,
};

function limits(dtype) {
  if (dtype === "bool") return [0, 1];
  const bits = Number(dtype.replace(/\D/g, ""));
  return dtype.startsWith("u") ? [0, 2 ** bits - 1] : [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
}

/** The nearest float16, ties to even: 11 significant bits, no exponent below -14. */
function half(v) {
  if (!Number.isFinite(v) || v === 0) return v;
  const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(v))), -14) - 10);
  const near = ROUND["half-even"](v / unit) * unit;
  return Math.abs(near) > 65504 ? Math.sign(near) * Infinity : near;
}

/** What is stored for a value; null and NaN in an integer are the nodata value. */
function stored(value, dtype, rounding, nodata) {
  if (dtype.startsWith("float")) {
    const v = value ?? NaN;
    return dtype === "float32" ? Math.fround(v) : dtype === "float16" ? half(v) : v;
  }
  if (value === null || Number.isNaN(value)) return nodata;
  const [low, high] = limits(dtype);
  return Math.min(Math.max(Number.isFinite(value) ? ROUND[rounding](value) : value, low), high);
}

// Chance: NumPy's Philox4x64-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).

const WORD = (1n << 64n) - 1n;
const MULTIPLY = [0xD2E7470EE14C6C93n, 0xCA5A826395121157n];
const BUMP = [0x9E3779B97F4A7C15n, 0xBB67AE8584CAA73Bn];

/** The random number of output number `flat`: word `flat` of Philox(key = seed + 2^64), as 53 bits in [0, 1). */
function draw(seed, flat) {
  let counter = [BigInt(Math.floor(flat / 4)) + 1n, 0n, 0n, 0n];
  let key = [BigInt(seed) & WORD, 1n + (BigInt(seed) >> 64n)];
  for (let round = 0; round < 10; round += 1) {
    const a = MULTIPLY[0] * counter[0], b = MULTIPLY[1] * counter[2];
    counter = [(b >> 64n) ^ counter[1] ^ key[0], b & WORD, (a >> 64n) ^ counter[3] ^ key[1], a & WORD];
    key = key.map((word, i) => (word + BUMP[i]) & WORD);
  }
  return Number(counter[flat % 4] >> 11n) * 2 ** -53;
}

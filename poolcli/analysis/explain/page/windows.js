// Where windows lie and what they hold: the formulas of poolcli/core/windowings.py, one axis at a time.
//
// An axis is {letter, length, starts, stops, step, before, after, stretch}: window i has the positions starts[i],
// starts[i] + step, ... below stops[i]; before and after are its padding. Of an area each sample has stretch.unit
// parts, and the window has stretch.size of them, from i * stretch.size on.

const WINDOWINGS = {
  fixed(n, o) {
    const extent = o.dilation * (o.size - 1) + 1;
    const steps = (n + 2 * o.padding - extent) / o.stride;
    let count = (o.ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
    if (o.ceil && (count - 1) * o.stride >= n + o.padding) count -= 1; // it would begin behind the input
    if (count <= 0) {
      throw new Error(`A window of ${extent} does not fit an axis of ${n}. A smaller size or more padding would work.`);
    }
    return evenly(n, count, o.stride, o.padding, o.padding, extent, o.dilation);
  },
  same(n, o) {
    const extent = o.dilation * (o.size - 1) + 1;
    const count = Math.ceil(n / o.stride);
    const extra = Math.max((count - 1) * o.stride + extent - n, 0);
    return evenly(n, count, o.stride, Math.floor(extra / 2), Math.ceil(extra / 2), extent, o.dilation);
  },
  global(n) {
    return { length: n, starts: [0], stops: [n], step: 1, before: 0, after: 0 };
  },
  adaptive(n, o) {
    const numbers = Array.from({ length: o.count }, (_, i) => i);
    return {
      length: n, step: 1, before: 0, after: 0,
      starts: numbers.map((i) => Math.floor(i * n / o.count)),
      stops: numbers.map((i) => Math.ceil((i + 1) * n / o.count)),
    };
  },
};

function evenly(n, count, stride, before, after, extent, step) {
  const starts = Array.from({ length: count }, (_, i) => i * stride - before);
  return { length: n, starts, stops: starts.map((start) => start + extent), step, before, after };
}

/** The three axes for some settings; an Error says why they cannot be. */
function axesFor(data, settings) {
  if (settings.windowing === "given") return data.axes;
  return data.axes.map((axis) => {
    const made = axis.letter ? WINDOWINGS[settings.windowing](axis.length, settings) : WINDOWINGS.global(1);
    return { ...made, letter: axis.letter };
  });
}

const PRESENT = "present", FILLED = "filled", PADDING = "padding", OVERHANG = "overhang", LEFT_OUT = "left-out",
  MASKED = "masked", WEIGHTLESS = "weightless";

function kindOf(axis, at) {
  if (at >= 0 && at < axis.length) return PRESENT;
  return at >= axis.length + axis.after ? OVERHANG : PADDING;
}

/** Where np.pad would take the sample at a position from; -1 for the constant. */
const SOURCES = {
  exclude: () => -1,
  constant: () => -1,
  edge: (at, n) => Math.min(Math.max(at, 0), n - 1),
  wrap: (at, n) => ((at % n) + n) % n,
  reflect(at, n) {
    const period = Math.max(2 * (n - 1), 1);
    const q = ((at % period) + period) % period;
    return Math.min(q, period - q);
  },
};

/** The positions of window i of an axis: where each is, what it is, where its sample is read, its binomial weight. */
function positionsOf(axis, i, padMode) {
  const made = [];
  for (let at = axis.starts[i]; at < axis.stops[i]; at += axis.step) {
    const kind = kindOf(axis, at);
    const source = kind === PRESENT ? at : kind === PADDING ? SOURCES[padMode](at, axis.length) : -1;
    made.push({ at, kind, source, part: axis.stretch ? partOf(axis.stretch, i, at) : 1 });
  }
  weigh(made);
  return made;
}

/** How many parts of a sample lie in window i. */
function partOf({ size, unit }, i, at) {
  return Math.min((i + 1) * size, (at + 1) * unit) - Math.max(i * size, at * unit);
}

/** C(k - 1, j): whole numbers while those are exact, beyond that scaled so that the largest is 1. */
function weigh(positions) {
  const k = positions.length;
  let log = 0, weight = 1;
  positions.forEach((one, j) => {
    one.weight = k <= 54 ? Math.round(weight) : log;
    log += Math.log((k - 1 - j) / (j + 1));
    weight = weight * (k - 1 - j) / (j + 1);
  });
  if (k <= 54) return;
  const most = positions[Math.floor((k - 1) / 2)].weight;
  positions.forEach((one) => { one.weight = Math.exp(one.weight - most); });
}

/** The first and the last window of an axis whose samples this page has; an Error where there is none. */
function reach(axis, origin, extent) {
  const within = axis.starts.map((start, i) => {
    const first = start < 0 ? start + Math.ceil(-start / axis.step) * axis.step : start;
    const end = Math.min(axis.stops[i], axis.length);
    if (first >= end) throw new Error(`Window ${i} of axis ${axis.letter} lies wholly in the padding.`);
    return first >= origin && first + Math.floor((end - 1 - first) / axis.step) * axis.step < origin + extent;
  });
  const first = within.indexOf(true);
  if (first < 0) throw new Error("Such a window is larger than the part of the input that this page has.");
  return [first, within.lastIndexOf(true)];
}

/** What the page computes with: the axes, which windows can be reached, the positions of each (when first asked). */
function modelFor(data, settings) {
  const axes = axesFor(data, settings);
  const reaches = axes.map((axis, a) => reach(axis, data.origin[a], data.extent[a]));
  const known = axes.map(() => new Map());
  const positions = (a, i) => {
    if (!known[a].has(i)) known[a].set(i, positionsOf(axes[a], i, data.padMode));
    return known[a].get(i);
  };
  return { data, settings, axes, reaches, positions };
}

/** The sample at positions of the three axes, in one channel; or what the mask or the weights have there. */
function sampleAt(data, d, h, w, channel, samples = data.samples) {
  const at = [d - data.origin[0], h - data.origin[1], w - data.origin[2]];
  if (at.some((i, a) => i < 0 || i >= data.extent[a])) {
    throw new Error("This window takes samples from beyond the part of the input that this page has.");
  }
  const [, rows, columns] = data.extent;
  return Number(samples[((at[0] * rows + at[1]) * columns + at[2]) * data.channels + channel]);
}

const RANK = [PRESENT, PADDING, OVERHANG];

/** Whether neither the mask nor the weights leave out a sample of the input. */
const isCounted = (data, ...at) => [data.mask, data.weights].every((one) => !one || sampleAt(data, ...at, one) !== 0);

/** Visit every position of a window in C order: visit(kind, value, positions, number). */
function visit(model, cell, channel, see) {
  const { data } = model;
  const [deep, high, wide] = cell.map((i, a) => model.positions(a, i));
  let number = 0;
  for (const d of deep) for (const h of high) for (const w of wide) {
    let kind = RANK[Math.max(RANK.indexOf(d.kind), RANK.indexOf(h.kind), RANK.indexOf(w.kind))];
    let value = null;
    if (kind === PADDING && data.padMode !== "exclude") kind = FILLED;
    if (kind === PRESENT || kind === FILLED) {
      const constant = kind === FILLED && data.padMode === "constant";
      value = constant ? data.padValue : sampleAt(data, d.source, h.source, w.source, channel);
      const beside = (samples) => sampleAt(data, d.source, h.source, w.source, channel, samples);
      if ((data.skipNaN && Number.isNaN(value)) || (data.nodata !== null && value === data.nodata)) kind = LEFT_OUT;
      else if (data.weights && beside(data.weights) === 0) kind = WEIGHTLESS;
      else if (data.mask && !constant && beside(data.mask) === 0) kind = MASKED;
    }
    see(kind, value, [d, h, w], number);
    number += 1;
  }
}

/** The present samples of a window, in C order, and what reducers ask for besides: also "given", how much each counts
 * where samples have weights or count by their part, in units of "unit". */
function presentIn(model, cell, channel) {
  const { data } = model, row = data.reducers.find((one) => one.name === model.settings.reducer);
  const stretches = row.takesParts ? model.axes.flatMap((axis) => axis.stretch ?? []) : [];
  const unit = stretches.reduce((units, one) => units * one.unit, 1);
  const found = { x: [], places: [], weights: [], given: data.weights || stretches.length ? [] : null, unit,
    formula: row.value, nominal: 0, parameters: model.settings.parameters };
  const inside = (axis, one) => one.at < axis.length + axis.after;
  visit(model, cell, channel, (kind, value, at, number) => {
    if (at.every((one, a) => inside(model.axes[a], one))) found.nominal += 1;
    if (kind !== PRESENT && kind !== FILLED) return;
    found.x.push(value);
    found.places.push(number);
    found.weights.push(at[0].weight * at[1].weight * at[2].weight);
    if (data.weights) found.given.push(sampleAt(data, ...at.map((one) => one.source), channel, data.weights));
    else if (found.given) found.given.push(at[0].part * at[1].part * at[2].part);
  });
  if (model.settings.reducer === "stochastic") found.draw = draw(model.data.seed, flatIndex(model, cell, channel));
  return found;
}

/** The flat index of an output in the whole result, in the order of its letters: random numbers belong to it. */
function flatIndex(model, cell, channel) {
  const { data, axes } = model;
  const place = { N: [data.batch, data.batches], C: [data.firstChannel + channel, data.allChannels] };
  axes.forEach((axis, a) => { if (axis.letter) place[axis.letter] = [cell[a], axis.starts.length]; });
  return [...data.layout].reduce((flat, letter) => flat * place[letter][1] + place[letter][0], 0);
}

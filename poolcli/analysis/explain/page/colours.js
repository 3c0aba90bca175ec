// How samples look: the colours of a picture, its palette, or greys.

const FULL = { uint8: 255, uint16: 65535, bool: 1 };

/** The share of the way from the least to the largest value, for tints and greys. */
function scale(values) {
  let low = Infinity, high = -Infinity;
  for (const v of values) if (Number.isFinite(v)) { low = Math.min(low, v); high = Math.max(high, v); }
  return (v) => (high > low && Number.isFinite(v) ? (Math.min(Math.max(v, low), high) - low) / (high - low) : 0);
}

/** [red, green, blue, opacity] of a place; value(c) is its sample in channel c, tint says how light other numbers are. */
function colourOf(data, value, channel, tint) {
  if (data.palette) return data.palette[value(channel)] ?? [128, 128, 128, 255];
  const share = data.picture && FULL[data.dtype] ? (v) => v / FULL[data.dtype] : tint;
  const part = (c) => Math.round(255 * share(value(c)));
  if (data.rgb) return [part(0), part(1), part(2), data.channels > 3 ? part(3) : 255];
  const grey = part(channel);
  return [grey, grey, grey, 255];
}

/** The channels that a picture of the output needs: its colours stay colours only where its dtype stays. */
function channelsShown(data, dtype, channel) {
  return data.rgb && dtype === data.dtype ? Array.from({ length: data.channels }, (_, c) => c) : [channel];
}

/** The colour of an output; values are those of the channels that are shown. */
function outputColour(data, dtype, values, shown, tint) {
  if (Number.isNaN(values[0])) return [0, 0, 0, 0];
  if (dtype === data.dtype) return colourOf(data, (c) => values[shown.indexOf(c)], shown[0], tint);
  const grey = Math.round(255 * tint(values[0]));
  return [grey, grey, grey, 255];
}

const isDark = ([r, g, b, a]) => a > 127 && 0.3 * r + 0.6 * g + 0.1 * b < 128;
const css = ([r, g, b, a]) => `rgb(${r} ${g} ${b} / ${a / 255})`;

/** Paint a canvas, pixel by pixel. */
function paint(canvas, colour) {
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  for (let h = 0, i = 0; h < canvas.height; h += 1) {
    for (let w = 0; w < canvas.width; w += 1, i += 4) image.data.set(colour(h, w), i);
  }
  pen.putImageData(image, 0, 0);
}

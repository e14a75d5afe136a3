// What the spectrum panels compute in the browser, so that sliders answer at once and a saved page needs no kernel.
// Python twins: spectra/air.py, spectra/frames.py, spectra/smoothing.py, views/spectrum_data.py (tests/views/test_spectrum_math.py).

const C_KM_S = 299792.458;

// lambda_observed / lambda_rest, relativistic, along the line of sight.
export const dopplerFactor = (rv) => Math.sqrt((1 + rv / C_KM_S) / (1 - rv / C_KM_S));

// Refractive index of standard air, Ciddor (1996), of a vacuum wavelength in Angstrom.
function airIndex(vacuum) {
  const s2 = (1e4 / vacuum) ** 2;
  return 1 + 0.05792105 / (238.0185 - s2) + 0.00167917 / (57.362 - s2);
}

export const vacuumToAir = (w) => (w < 2000 ? w : w / airIndex(w));

export function airToVacuum(w) {
  if (w < 2000 / airIndex(2000)) return w;
  let vacuum = w;
  for (let i = 0; i < 4; i++) vacuum = w * airIndex(Math.max(vacuum, 2000));
  return vacuum;
}

const PER_ANGSTROM = { angstrom: 1, nm: 0.1, micron: 1e-4 };

// Every panel draws in vacuum Angstrom as observed; medium, frame and unit are how the axis counts it.
export function toAxis(x, { frame, medium, unit }, rv) {
  const w = frame === "rest" ? x / dopplerFactor(rv) : x;
  return (medium === "air" ? vacuumToAir(w) : w) * PER_ANGSTROM[unit];
}

export function fromAxis(u, { frame, medium, unit }, rv) {
  const w = u / PER_ANGSTROM[unit];
  const vacuum = medium === "air" ? airToVacuum(w) : w;
  return frame === "rest" ? vacuum * dopplerFactor(rv) : vacuum;
}

// Round numbers between two values, about n of them: 1, 2 or 5 times a power of ten apart.
export function roundTicks(low, high, n) {
  if (!(high > low)) return [];
  const rough = (high - low) / n;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.75);
  const ticks = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + 1e-9 * step; k++) ticks.push(k * step);
  return ticks;
}

// Gaussian smoothing in pixels; a pixel that is not a number is left out of the sums and stays a gap.
// With errors, those of the smoothed values (independent pixels): sqrt(sum k^2 s^2) / sum k.
export function smoothed(values, sigma, errors = null) {
  if (!(sigma > 0)) return { values, errors };
  const half = Math.ceil(4 * sigma);
  const kernel = Float64Array.from({ length: 2 * half + 1 }, (_, i) => Math.exp(-0.5 * ((i - half) / sigma) ** 2));
  const n = values.length;
  const out = new Float64Array(n);
  const spread = errors == null ? null : new Float64Array(n);
  for (let i = 0; i < n; i++) {
    if (!Number.isFinite(values[i])) { out[i] = NaN; if (spread) spread[i] = NaN; continue; }
    let total = 0, weight = 0, square = 0;
    for (let j = Math.max(0, i - half), last = Math.min(n - 1, i + half); j <= last; j++) {
      const v = values[j];
      if (!Number.isFinite(v)) continue;
      const k = kernel[j - i + half];
      weight += k;
      total += k * v;
      if (spread) square += (k * errors[j]) ** 2;
    }
    out[i] = total / weight;
    if (spread) spread[i] = Math.sqrt(square) / weight;
  }
  return { values: out, errors: spread };
}

// The 0.03 to 99.7 percentile of what lies between two wavelengths, with 20 % head room for line labels.
export function yLimits(x, y, from, to) {
  const seen = [];
  for (let i = 0; i < y.length; i++) if (x[i] >= from && x[i] <= to && Number.isFinite(y[i])) seen.push(y[i]);
  if (seen.length === 0) return null;
  const sorted = Float64Array.from(seen).sort();
  const at = (q) => {
    const place = q * (sorted.length - 1), floor = Math.floor(place);
    return sorted[floor] + (place - floor) * ((sorted[floor + 1] ?? sorted[floor]) - sorted[floor]);
  };
  let low = at(0.0003), high = at(0.997);
  if (!(high > low)) { low -= 0.5; high += 0.5; }
  return [low - 0.04 * (high - low), high + 0.2 * (high - low)];
}

// Which labels have room, the more important first: [px centre, half width, rank] each; gives the places of those kept.
export function thinned(labels, width) {
  const kept = [];
  const order = [...labels.keys()].sort((a, b) => labels[b][2] - labels[a][2]);
  for (const i of order) {
    const [px, half] = labels[i];
    if (!(px >= half - 8 && px <= width - half + 8)) continue;
    if (kept.every((k) => Math.abs(labels[k][0] - px) > labels[k][1] + half)) kept.push(i);
  }
  return new Set(kept);
}

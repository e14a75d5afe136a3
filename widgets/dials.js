// Sliders of labels that are turned by hand (views/studies/dial_table.py). The option "dials" holds [label, value] pairs; a label
// that is not among them is that of the fit.
//   <input type="range" data-sv-dial="mg_fe" data-sv-fit="-0.07">   turns the label; stands at the fit while it is not turned
//   data-sv-dial-row="mg_fe"                     has data-sv-turned while the label is turned
//   data-sv-dial-text="mg_fe" data-sv-form="2 +" its text is the turned value, with so many decimals and a sign; else empty

const dialOf = (options, name) => (options.dials ?? []).find(([label]) => label === name)?.[1];

// The option with one label turned; a label keeps its place, so that equal choices are equal.
export function turnedTo(options, name, value) {
  const dials = options.dials ?? [];
  return dials.some(([label]) => label === name) ? dials.map((pair) => (pair[0] === name ? [name, value] : pair)) : [...dials, [name, value]];
}

function writtenDial(value, form) {
  const [decimals, sign] = form.split(" ");
  const text = Math.abs(value).toFixed(Number(decimals));
  if (value < 0 && Number(text) !== 0) return `\u2212${text}`;
  return sign === "+" ? `+${text}` : text;
}

// Bring one element up to date. A slider that is dragged has its value already.
export function showDial(el, options) {
  const { svDial: slider, svDialRow: row, svDialText: text } = el.dataset;
  if (slider != null) {
    const value = String(dialOf(options, slider) ?? el.dataset.svFit);
    if (Number(el.value) !== Number(value)) el.value = value;
  } else if (row != null) el.toggleAttribute("data-sv-turned", dialOf(options, row) != null);
  else if (text != null) {
    const value = dialOf(options, text);
    const shown = value == null ? "" : writtenDial(value, el.dataset.svForm);
    if (el.textContent !== shown) el.textContent = shown;
  }
}

"use strict";

// Numbers and names as people read them; the same as in the tables.

/** Three significant digits; powers of ten where a number is very small or large. */
function short(x, digits = 3) {
  if (x === 0) return "0";
  if (!Number.isFinite(x)) return String(x);
  const exponent = Math.floor(Math.log10(Math.abs(x)));
  if (exponent < -4 || exponent >= 7) return x.toExponential(digits - 1);
  return x.toFixed(Math.max(0, digits - 1 - exponent));
}

/** Bytes in units of 1024. */
function bytes(x) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (x < 999.5) return unit === "B" ? `${Math.round(x)} B` : `${short(x)} ${unit}`;
    x /= 1024;
  }
  return `${short(x)} TiB`;
}

/** Milliseconds in a unit that makes them short. */
function duration(ms) {
  if (ms === 0) return "0 ms";
  if (ms < 0.9995) return `${short(1e3 * ms)} µs`;
  if (ms < 999.5) return `${short(ms)} ms`;
  if (ms < 99950) return `${short(ms / 1e3)} s`;
  return `${short(ms / 6e4)} min`;
}

/** Milliseconds that may be days. */
function long(ms) {
  const [hour, day, year] = [3.6e6, 86.4e6, 365.25 * 86.4e6];
  if (ms < 99.95 * 6e4) return duration(ms);
  if (ms < 48 * hour) return `${short(ms / hour)} h`;
  return ms < 2 * year ? `${short(ms / day)} days` : `${short(ms / year)} years`;
}

/** A tick of an axis of times, as in `10 ms`, `1 h`. */
function tick(ms) {
  return long(ms).replace(/^(\d+\.\d*?)0+ /, "$1 ").replace(". ", " ");
}

/** A tick of a logarithmic axis of numbers: `0.2`, `2·10⁻⁷`. */
function power(x) {
  if (x >= 0.001 && x < 1e5) return String(+x.toPrecision(2));
  const exponent = Math.floor(Math.log10(x) + 1e-9);
  const digits = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const factor = +(x / 10 ** exponent).toPrecision(2);
  return `${factor === 1 ? "" : `${factor}·`}10${String(exponent).replace(/./g, (d) => digits[d])}`;
}

/** `one row`, `12 rows`. */
function counted(n, one, many) {
  return `${n} ${n === 1 ? one : many}`;
}

/** A new element with properties and children. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

"use strict";

// Charts as files of their own: one SVG with its title, its legend and the styles that it is shown with.

const SVG = "http://www.w3.org/2000/svg";
/** What the page's style sheet and Plot's decide of an element. */
const STYLES = [
  "fill", "fill-opacity", "stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity",
  "font-family", "font-size", "font-weight", "font-variant", "text-anchor", "dominant-baseline", "paint-order", "visibility", "white-space",
];

function svgElement(name, attributes, text = "") {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** A colour that programs know which know no newer colour spaces. */
function plainColor(value) {
  if (!/^(ok|color|lab|lch)/.test(value)) return value;
  const context = element("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = value;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return `rgba(${red},${green},${blue},${alpha / 255})`;
}

/** A copy with the styles that are computed for the original; without what is there for a pointer only. */
function styled(original) {
  const copy = original.cloneNode(true);
  const [from, to] = [[original, ...original.querySelectorAll("*")], [copy, ...copy.querySelectorAll("*")]];
  from.forEach((element, place) => {
    const computed = getComputedStyle(element);
    to[place].setAttribute("style", STYLES.map((name) => `${name}:${plainColor(computed.getPropertyValue(name))}`).join(";"));
    for (const name of ["fill", "stroke", "class", "aria-hidden"]) to[place].removeAttribute(name);
  });
  for (const part of copy.querySelectorAll("style, [data-mark=tip]")) part.remove();
  copy.setAttribute("overflow", "visible");
  return copy;
}

/** The chart of a figure as the text of a file. */
function svgOf(figure) {
  const ink = getComputedStyle(figure);
  const font = `font-family:${ink.fontFamily};fill:${ink.color}`;
  const title = figure.querySelector("h3").textContent;
  const whole = svgElement("svg", { xmlns: SVG, role: "img" });
  whole.append(svgElement("title", {}, title), svgElement("text", { x: 12, y: 26, style: `${font};font-size:16px;font-weight:600` }, title));
  let [width, height] = [12 + 9 * title.length, 40];
  for (const part of figure.querySelectorAll(".plot > ul.legend, .plot svg")) {
    if (part.matches("ul")) {
      let x = 12;
      for (const item of part.children) {
        const mark = styled(item.querySelector("svg"));
        for (const [key, value] of Object.entries({ x, y: height + 2, width: 12, height: 12 })) mark.setAttribute(key, value);
        whole.append(mark, svgElement("text", { x: x + 18, y: height + 13, style: `${font};font-size:13px` }, item.textContent));
        x += 36 + 7.5 * item.textContent.length;
      }
      width = Math.max(width, x);
      height += 26;
    } else if (!part.closest("ul")) {
      const box = part.getBoundingClientRect();
      const copy = styled(part);
      for (const [key, value] of Object.entries({ x: 0, y: height, width: box.width, height: box.height })) copy.setAttribute(key, value);
      const above = part.parentElement.querySelector(":scope > p.under");
      if (above) whole.append(svgElement("text", { x: 12, y: height + 12, style: `${font};font-size:13px` }, above.textContent));
      if (above) copy.setAttribute("y", height += 18);
      whole.append(copy);
      width = Math.max(width, box.width);
      height += box.height + 8;
    }
  }
  whole.setAttribute("width", Math.ceil(width));
  whole.setAttribute("height", Math.ceil(height));
  whole.setAttribute("viewBox", `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`);
  const page = getComputedStyle(document.body).backgroundColor;
  whole.prepend(svgElement("rect", { width: "100%", height: "100%", style: `fill:${page}` }));
  return new XMLSerializer().serializeToString(whole);
}

/** The name of a chart's file. */
function fileOf(figure) {
  const title = figure.querySelector("h3").textContent.toLowerCase();
  return `${title.replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "")}.svg`;
}

/** A button that saves the chart of a figure. */
function saveButton(figure) {
  const button = element("button", { type: "button", className: "save" }, "Save as SVG");
  button.setAttribute("aria-label", `Save as SVG: ${figure.querySelector("h3").textContent}`);
  button.addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([svgOf(figure)], { type: "image/svg+xml" }));
    element("a", { href: url, download: fileOf(figure) }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  });
  return button;
}

/** All charts that are shown, for the program that asks: names and texts of files, in base64. */
function exportCharts() {
  const figures = [...document.querySelectorAll("figure:not([hidden])")].filter((figure) => figure.querySelector(".plot svg"));
  const bytes = new TextEncoder().encode(JSON.stringify(figures.map((figure) => [fileOf(figure), svgOf(figure)])));
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
  document.body.replaceChildren(element("pre", {}, `CHARTS${text}END`));
}

"use strict";

// The magnifier: the same place of all images of a scheme, many times larger.

const ZOOM = 8;
const SIDE = 15;

for (const scheme of document.querySelectorAll("article.scheme")) {
  const images = [...scheme.querySelectorAll("img.zooms")];
  const magnifier = scheme.querySelector(".magnifier");
  if (!images.length) continue;
  const at = { x: 0.5, y: 0.5 };
  const canvases = images.map((image) => {
    const canvas = element("canvas", { width: SIDE * ZOOM, height: SIDE * ZOOM, role: "img" });
    canvas.setAttribute("aria-label", `Magnified: ${image.alt}`);
    return canvas;
  });
  const told = element("p", { className: "count", role: "status" });
  magnifier.append(element("div", { className: "four" }, ...canvases), told);

  /** Pixels of an image around the place, and the one in the middle. */
  function look(image, canvas) {
    if (!image.naturalWidth) return "";
    const [x, y] = [Math.floor(at.x * image.naturalWidth), Math.floor(at.y * image.naturalHeight)];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    context.clearRect(0, 0, canvas.width, canvas.height);
    const half = Math.floor(SIDE / 2);
    context.drawImage(image, x - half, y - half, SIDE, SIDE, 0, 0, canvas.width, canvas.height);
    const middle = context.getImageData((half + 0.5) * ZOOM, (half + 0.5) * ZOOM, 1, 1).data;
    context.strokeStyle = "#fff";
    context.strokeRect(half * ZOOM - 0.5, half * ZOOM - 0.5, ZOOM + 1, ZOOM + 1);
    context.strokeStyle = "#000";
    context.strokeRect(half * ZOOM - 1.5, half * ZOOM - 1.5, ZOOM + 3, ZOOM + 3);
    const [red, green, blue] = middle;
    const isGrey = red === green && green === blue;
    return `(${x}, ${y}): ${isGrey ? `grey ${red}` : `red ${red}, green ${green}, blue ${blue}`}`;
  }

  function show() {
    magnifier.hidden = false;
    const names = images.map((image) => image.closest("figure").querySelector("figcaption").textContent);
    told.textContent = images.map((image, k) => `${names[k]} ${look(image, canvases[k])}`).join("; ");
  }

  for (const image of images) {
    image.addEventListener("pointermove", (event) => {
      const box = image.getBoundingClientRect();
      at.x = Math.min(0.9999, Math.max(0, (event.clientX - box.left) / box.width));
      at.y = Math.min(0.9999, Math.max(0, (event.clientY - box.top) / box.height));
      show();
    });
    image.addEventListener("focus", show);
    image.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!steps) return;
      event.preventDefault();
      at.x = Math.min(0.9999, Math.max(0, at.x + steps[0] / image.naturalWidth));
      at.y = Math.min(0.9999, Math.max(0, at.y + steps[1] / image.naturalHeight));
      show();
    });
  }
}

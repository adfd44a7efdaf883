"use strict";

// The page: which run is shown; the table's order, rows and columns; what is copied.

const page = JSON.parse(document.getElementById("data").textContent);
const articles = [...document.querySelectorAll("article.run")];

/** The rows that are shown, in the order of the table. */
function shownPlaces(article) {
  return [...article.querySelectorAll(".comparison tbody tr:not(.off)")].map((row) => Number(row.dataset.cell));
}

/** Draws what depends on the rows that are shown. */
function redraw(article) {
  const run = page.runs[Number(article.dataset.run)];
  const places = shownPlaces(article).sort((a, b) => a - b);
  const all = article.querySelectorAll(".comparison tbody tr").length;
  article.querySelector(".count").textContent = places.length === all ? counted(all, "row", "rows") : `${places.length} of ${counted(all, "row", "rows")}`;
  drawCharts(article, run, places);
  const files = article.querySelector(".files > .grid");
  if (files && Number(article.dataset.width) !== article.clientWidth) drawFiles(files, article.querySelector(".listings"), run);
  article.dataset.width = article.clientWidth;
}

/** Sorts rows by a column: numbers by their value, words as words, what is empty last. */
function sortBy(article, head) {
  const body = article.querySelector(".comparison tbody");
  const place = [...head.parentElement.children].indexOf(head);
  const isDown = head.getAttribute("aria-sort") === "ascending";
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const key = (row) => {
    const cell = row.children[place];
    if (!cell || cell.colSpan > 1 || !cell.textContent) return undefined;
    if (cell.dataset.number === undefined) return cell.firstChild.textContent;
    const number = Number(cell.dataset.number);
    return Number.isNaN(number) ? undefined : number;
  };
  const sign = isDown ? -1 : 1;
  const rows = [...body.children].map((row) => [key(row), row]);
  rows.sort(([a], [b]) => {
    if (a === undefined || b === undefined) return (a === undefined) - (b === undefined);
    if (typeof a === "string" || typeof b === "string") return sign * String(a).localeCompare(String(b), undefined, { numeric: true });
    return sign * (a - b);
  });
  body.append(...rows.map(([, row]) => row));
}

/** Shows the columns that are chosen. */
function showColumns(article, chosen) {
  const heads = [...article.querySelectorAll(".comparison thead th")];
  const states = heads.map((head) => (chosen.has(head.dataset.key) ? "on" : "off"));
  states[0] = "";
  for (const row of article.querySelectorAll(".comparison tr")) {
    [...row.children].forEach((cell, place) => {
      cell.classList.remove("on", "off");
      if (cell.classList.contains("reason")) cell.colSpan = Math.max(1, states.slice(place).filter((s) => s === "on").length);
      else if (states[place]) cell.classList.add(states[place]);
    });
  }
}

function begin(article) {
  const controls = article.querySelector(".controls");
  controls.hidden = false;
  for (const head of article.querySelectorAll(".comparison thead th")) {
    const button = element("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(article, head));
    head.append(button);
  }
  const boxes = [...controls.querySelectorAll("input[type=checkbox]")];
  const heads = [...article.querySelectorAll(".comparison thead th")];
  for (const box of boxes) {
    box.checked = getComputedStyle(heads.find((head) => head.dataset.key === box.value)).display !== "none";
    box.addEventListener("change", () => choose());
  }
  const choose = () => showColumns(article, new Set(boxes.filter((box) => box.checked).map((box) => box.value)));
  choose();
  controls.querySelector(".filter input").addEventListener("input", (event) => {
    const words = event.target.value.toLowerCase().split(/\s+/);
    for (const row of article.querySelectorAll(".comparison tbody tr")) {
      const text = `${page.runs[Number(article.dataset.run)].cells[Number(row.dataset.cell)].id} ${row.textContent}`.toLowerCase();
      row.classList.toggle("off", !words.every((word) => text.includes(word)));
    }
    redraw(article);
  });
  const chooser = controls.querySelector(".chooser");
  chooser.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    chooser.open = false;
    chooser.querySelector("summary").focus();
  });
  document.addEventListener("click", (event) => {
    if (!chooser.contains(event.target)) chooser.open = false;
  });
  const copy = article.querySelector(".copy");
  if (copy) {
    copy.hidden = false;
    copy.addEventListener("click", () => copyText(copy, article.querySelector(".experiment code")));
  }
}

/** Copies a text, or marks it where the browser does not let a page copy. */
async function copyText(button, code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(code);
    button.textContent = "Marked: copy it with the keyboard";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 4000);
}

/** Shows one run. */
function show(number) {
  articles.forEach((article, place) => { article.hidden = place !== number; });
  const article = articles[number];
  if (!article.dataset.begun) {
    article.dataset.begun = "yes";
    begin(article);
    // The table is there before the charts are drawn.
    setTimeout(() => redraw(article), 0);
    return;
  }
  redraw(article);
}

const selector = document.getElementById("selector");
if (selector) {
  selector.parentElement.hidden = false;
  selector.addEventListener("change", () => show(Number(selector.value)));
}
show(Number(selector?.value ?? 0));

let waiting;
addEventListener("resize", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const article = articles.find((a) => !a.hidden);
    if (article && Number(article.dataset.width) !== article.clientWidth) {
      redraw(article);
    }
  }, 150);
});

// What a reader of paper cannot unfold.
const unfolded = [];
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details.printed:not([open])")) {
    details.open = true;
    unfolded.push(details);
  }
});
addEventListener("afterprint", () => {
  for (const details of unfolded.splice(0)) details.open = false;
});

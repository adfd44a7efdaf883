"use strict";

// What pages send: forms as JSON and files as they are, each with the token of the session.

const csrf = document.querySelector("meta[name=csrf]").content;

/** Shows what is wrong, or nothing. */
function complain(place, problems) {
  if (!place) return;
  place.hidden = !problems.length;
  place.replaceChildren(...problems.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
}

/** What an answer says: where to go on, or what is wrong. */
function understood(text, status) {
  try {
    return JSON.parse(text);
  } catch {
    const isPage = text.trimStart().startsWith("<");
    return { problems: [text && !isPage ? text : `the workbench answered ${status}; load the page again`] };
  }
}

/** Sends a value; yields the answer. */
async function send(path, value) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-csrf-token": csrf },
      body: JSON.stringify(value),
    });
    return understood(await answer.text(), answer.status);
  } catch {
    return { problems: ["the workbench does not answer; it may have ended"] };
  }
}

/** The fields of a form; of boxes of one name the list of those that are ticked. */
function fieldsOf(form) {
  const value = {};
  for (const [name, text] of new FormData(form)) if (!form.querySelector(`[type=checkbox][name="${name}"]`)) value[name] = text;
  for (const box of form.querySelectorAll("[type=checkbox]")) (value[box.name] ??= []).push(...(box.checked ? [box.value] : []));
  return value;
}

for (const form of document.querySelectorAll("form[data-post]")) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    const problem = form.querySelector(".problem");
    complain(problem, []);
    button.disabled = true;
    // Not `form.dataset`: a field of that name would be taken for it.
    const file = form.getAttribute("data-file");
    const answer = await send(form.getAttribute("data-post"), { ...fieldsOf(form), ...(file === null ? {} : { file }) });
    button.disabled = false;
    if (answer.go) location.assign(answer.go);
    else complain(problem, answer.problems ?? ["the workbench answered what this page does not know"]);
  });
}

/** Sends a file as it is, and goes where the answer says. */
function upload(zone, file) {
  const problem = zone.querySelector(".problem");
  const bar = zone.querySelector("progress");
  const input = zone.querySelector("input");
  complain(problem, []);
  bar.hidden = false;
  bar.value = 0;
  input.disabled = true;
  const request = new XMLHttpRequest();
  const then = zone.dataset.then ? `&then=${encodeURIComponent(zone.dataset.then)}` : "";
  request.open("POST", `/uploads/${zone.dataset.upload}?name=${encodeURIComponent(file.name)}${then}`);
  request.setRequestHeader("x-csrf-token", csrf);
  request.setRequestHeader("content-type", "application/octet-stream");
  request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) bar.value = event.loaded / event.total; });
  const over = (answer) => {
    bar.hidden = true;
    input.disabled = false;
    input.value = "";
    if (answer.go) location.assign(answer.go);
    else complain(problem, answer.problems ?? ["the workbench answered what this page does not know"]);
  };
  request.addEventListener("load", () => over(understood(request.responseText, request.status)));
  request.addEventListener("error", () => over({ problems: ["the file did not arrive: the workbench does not answer, or refused it"] }));
  request.send(file);
}

for (const zone of document.querySelectorAll("[data-upload]")) {
  const input = zone.querySelector("input[type=file]");
  input.addEventListener("change", () => { if (input.files.length) upload(zone, input.files[0]); });
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    if (event.dataTransfer.files.length) upload(zone, event.dataTransfer.files[0]);
  });
}

// A file that misses the zone must not replace the page.
for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());

"use strict";

// How long what a form asks for would take, told while one chooses.

for (const form of document.querySelectorAll("form[data-estimate]")) {
  const place = form.querySelector("[data-estimated]");
  let wanted = 0;
  let asks = false;

  function say(lines) {
    place.replaceChildren(...lines.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  }

  /** Asks, and asks again if another choice was made meanwhile: one question at a time. */
  async function ask() {
    if (asks) return;
    asks = true;
    let known;
    do {
      known = wanted;
      place.dataset.state = "runs";
      say(["How long it will take is being estimated …"]);
      const answer = await send(form.dataset.estimate, fieldsOf(form));
      if (known === wanted) say(answer.lines ?? answer.problems ?? []);
    } while (known !== wanted);
    place.dataset.state = "done";
    asks = false;
  }

  let waiting;
  form.addEventListener("input", () => {
    wanted += 1;
    clearTimeout(waiting);
    waiting = setTimeout(ask, 600);
  });
  ask();
}

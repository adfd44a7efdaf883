// What a browser makes of a page: run in the page, once it is drawn. Tells the page around it.
addEventListener("load", () => setTimeout(async () => {
  const found = [...window.faults];
  const isSeen = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 0;
  const box = (element) => element.getBoundingClientRect();
  const resources = performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith("data:"));
  found.push(...resources.map((name) => `a request left the page: ${name}`));
  if (document.documentElement.scrollWidth > innerWidth) {
    const wide = [...document.querySelectorAll("main *")].filter((e) => box(e).right > innerWidth + 1 && !e.closest(".scroll, pre"));
    found.push(`the page is ${document.documentElement.scrollWidth} wide, the window ${innerWidth}: ${wide.slice(0, 3).map((e) => e.outerHTML.slice(0, 120)).join(" | ")}`);
  }
  const table = document.querySelector(".comparison .scroll");
  if (table && table.scrollWidth > table.clientWidth + 1) found.push(`the table is cut: ${table.scrollWidth} wide, ${table.clientWidth} shown`);
  for (const figure of [...document.querySelectorAll(".plot")].filter(isSeen).map((plot) => plot.closest("figure"))) {
    const name = figure.querySelector("h3").textContent;
    const drawn = [...figure.querySelectorAll(".plot svg[role=img]")];
    if (!drawn.length) found.push(`${name}: no chart`);
    for (const svg of drawn) lookAt(name, figure, svg);
  }
  function lookAt(name, figure, svg) {
    const marks = svg.querySelectorAll("g[data-mark=dot] *, g[data-mark=bar] *, g[data-mark=line] *, g[data-mark=cell] *, g[data-mark=rect] *");
    if (!marks.length) found.push(`${name}: an empty chart`);
    for (const mark of marks) if (/NaN|undefined/.test(mark.outerHTML)) found.push(`${name}: ${mark.outerHTML}`);
    const texts = [...svg.querySelectorAll("text")].filter((text) => text.textContent && isSeen(text));
    for (const text of texts) {
      const { left, right } = box(text);
      if (left < -1 || right > innerWidth + 1 || right > box(figure).right + 8) found.push(`${name}: "${text.textContent}" is cut (${left} to ${right})`);
      if (/NaN|undefined/.test(text.textContent)) found.push(`${name}: "${text.textContent}"`);
    }
    const isTurned = (text) => text.getAttribute("transform")?.includes("rotate");
    texts.forEach((a, k) => texts.slice(k + 1).forEach((b) => {
      // The boxes of texts that lie aslant overlap, the texts do not.
      if (isTurned(a) && isTurned(b)) return;
      const [p, q] = [box(a), box(b)];
      const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      // Boxes have some room above and below their letters.
      if (wide > 1 && high > 4) found.push(`${name}: "${a.textContent}" and "${b.textContent}" overlap`);
    }));
  }
  for (const details of document.querySelectorAll("details")) details.open = !details.classList.contains("chooser");
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  for (const { id, impact, help, nodes } of violations) {
    if (["serious", "critical"].includes(impact)) found.push(`axe: ${id}: ${help}: ${nodes.slice(0, 3).map((n) => `${n.html.slice(0, 160)} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
  }
  parent.postMessage({
    found,
    width: innerWidth,
    isDark: matchMedia("(prefers-color-scheme: dark)").matches,
    charts: [...document.querySelectorAll("figure .plot")].filter(isSeen).map((plot) => plot.closest("figure").querySelector("h3").textContent),
    axe: axe.version,
  }, "*");
}, 300));

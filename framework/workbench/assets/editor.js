"use strict";

// The editor of experiments: keys and values of the section from the schema, complaints as one types.

const field = document.getElementById("text");
const choices = document.getElementById("choices");
const told = document.getElementById("checked");
let schema, offered = [], chosen = 0, checking;

fetch("/experiments/schema.json").then(async (answer) => { schema = await answer.json(); });

/** The line of the caret: what stands before it there, and the section around it. */
function around() {
  const before = field.value.slice(0, field.selectionStart);
  const line = before.slice(before.lastIndexOf("\n") + 1);
  const heads = [...before.matchAll(/^\s*\[+([\w.-]+)\]+/gm)];
  const head = heads.at(-1);
  const begin = head ? head.index : 0;
  const next = field.value.slice(begin + 1).search(/^\s*\[/m);
  const body = field.value.slice(begin, next < 0 ? undefined : begin + 1 + next);
  return { line, section: head?.[1], body };
}

/** The part of the schema for a section; of several plugins the one that it uses. */
function partFor(section, body) {
  let part = schema.properties?.[section];
  if (part?.items) part = part.items;
  if (!part?.oneOf) return part;
  const use = /^\s*use\s*=\s*"([^"]*)"/m.exec(body)?.[1];
  const known = part.oneOf.find((one) => one.properties?.use?.const === use);
  return known ?? { properties: { use: { enum: part.oneOf.map((one) => one.properties?.use?.const).filter(Boolean) } } };
}

/** What may stand at the caret: text to insert, and words about it. */
function offers() {
  if (!schema) return [];
  const { line, section, body } = around();
  const head = /^\s*(\[+)([\w-]*)$/.exec(line);
  if (head) {
    return Object.keys(schema.properties).filter((name) => name.startsWith(head[2]))
      .map((name) => ({ text: `${name}${name === "scheme" && head[1].length === 2 ? "]]" : "]"}`, typed: head[2], name, doc: schema.properties[name].description ?? "" }));
  }
  const part = section && partFor(section, body);
  if (!part?.properties) return [];
  const value = /^\s*([\w-]+)\s*=\s*"?([\w.-]*)$/.exec(line);
  if (value) {
    const spec = part.properties[value[1]] ?? {};
    const isUse = value[1] === "use" && schema.properties[section];
    const all = isUse ? (partForUse(section) ?? spec.enum ?? []) : spec.enum ?? (spec.type === "boolean" ? [true, false] : []);
    const quoted = line.includes('"');
    return all.filter((one) => String(one).startsWith(value[2]))
      .map((one) => ({ text: typeof one === "string" ? (quoted ? `${one}"` : `"${one}"`) : String(one), typed: value[2], name: String(one), doc: "" }));
  }
  const key = /^\s*([\w-]*)$/.exec(line);
  if (!key) return [];
  return Object.entries(part.properties)
    .filter(([name]) => name.startsWith(key[1]) && !new RegExp(`^\\s*${name}\\s*=`, "m").test(body))
    .map(([name, spec]) => ({ text: `${name} = `, typed: key[1], name, doc: spec.description ?? "" }));
}

/** Names of plugins for `use`. */
function partForUse(section) {
  let part = schema.properties[section];
  if (part?.items) part = part.items;
  return part?.oneOf?.map((one) => one.properties?.use?.const).filter(Boolean);
}

function close() {
  offered = [];
  choices.hidden = true;
  field.setAttribute("aria-expanded", "false");
  field.removeAttribute("aria-activedescendant");
}

function open() {
  offered = offers().slice(0, 40);
  chosen = 0;
  if (!offered.length) return close();
  choices.hidden = false;
  field.setAttribute("aria-expanded", "true");
  list();
}

function list() {
  choices.replaceChildren(...offered.map((offer, k) => {
    const item = element("li", { id: `choice-${k}` }, element("strong", {}, offer.name), " ", element("span", {}, offer.doc));
    item.setAttribute("role", "option");
    item.setAttribute("aria-selected", String(k === chosen));
    item.addEventListener("mousedown", (event) => { event.preventDefault(); chosen = k; insert(); });
    return item;
  }));
  field.setAttribute("aria-activedescendant", `choice-${chosen}`);
  choices.children[chosen]?.scrollIntoView({ block: "nearest" });
}

function insert() {
  const { text, typed } = offered[chosen];
  const at = field.selectionStart;
  field.setRangeText(text, at - typed.length, at, "end");
  close();
  soon();
  // A key wants its value next.
  if (text.endsWith("= ")) open();
}

field.addEventListener("keydown", (event) => {
  if (event.key === " " && event.ctrlKey) {
    event.preventDefault();
    open();
    return;
  }
  if (choices.hidden) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) {
    event.preventDefault();
    chosen = (chosen + step + offered.length) % offered.length;
    list();
  } else if (event.key === "Enter") {
    event.preventDefault();
    insert();
  } else if (event.key === "Escape") {
    event.preventDefault();
    close();
  }
});
field.addEventListener("input", () => {
  soon();
  if (!choices.hidden || /[\w[]$/.test(around().line)) open();
});
field.addEventListener("blur", close);

function soon() {
  clearTimeout(checking);
  checking = setTimeout(check, 350);
}

async function check() {
  const text = field.value;
  const answer = await send("/experiments/check", { text, file: document.getElementById("editor").dataset.file });
  if (text !== field.value) return;
  if (answer.problems) return told.replaceChildren(element("p", { className: "reason" }, answer.problems.join("; ")));
  if (!answer.complaints.length) return told.replaceChildren(element("p", { className: "good" }, `It can be run: ${counted(answer.cells.length, "cell", "cells")}, ${answer.cells.slice(0, 6).join(", ")}${answer.cells.length > 6 ? ", …" : ""}.`));
  told.replaceChildren(element("ul", { className: "complaints" }, ...answer.complaints.map((one) => {
    const item = element("li", {});
    if (one.line) {
      const go = element("button", { type: "button" }, `line ${one.line}`);
      go.addEventListener("click", () => goTo(one.line));
      item.append(go, " ");
    }
    item.append(one.message, ...(one.help ? [element("span", { className: "under" }, one.help)] : []));
    return item;
  })));
}

function goTo(line) {
  const starts = field.value.split("\n");
  const from = starts.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
  field.focus();
  field.setSelectionRange(from, from + (starts[line - 1]?.length ?? 0));
}

check();

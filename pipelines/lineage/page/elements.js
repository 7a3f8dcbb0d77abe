"use strict";
// The data, and helpers that all views share. Text becomes text nodes, never HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const runs = new Map(data.runs.map((run) => [run.run, run]));
const narrow = matchMedia("(max-width: 760px)"); // a phone
const view = document.getElementById("view");

function element(tag, properties, ...children) {
  return fill(document.createElement(tag), properties, children);
}

function svgElement(tag, properties, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);
}

function fill(node, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(2).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

function address(...parts) {
  return "#/" + parts.map((part) => encodeURIComponent(part)).join("/");
}

function runLink(id) {
  return runs.has(id) ? element("a", { href: address("run", id) }, id) : element("span", {}, id);
}

function artifactLink(id) {
  const artifact = data.artifacts[id];
  if (!artifact) return element("span", {}, "artifact " + id);
  const words = artifact.words ? element("small", {}, artifact.words) : null;
  return element("a", { href: address("artifact", id), class: "artifact" },
    element("b", {}, artifact.noun), " " + id, words);
}

function moment(seconds) {
  return new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 16) + " UTC";
}

function duration(seconds) {
  if (seconds < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? minutes + " min" : Math.floor(minutes / 60) + " h " + String(minutes % 60).padStart(2, "0") + " min";
}

function formatValue(value) {
  if (value === null || value === undefined) return "none";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return Math.abs(value) < 1e-3 ? value.toExponential() : String(+value.toPrecision(5));
}

function pill(state, text) {
  return element("span", { class: "pill " + state }, text || state);
}

function facts(pairs, caption) {
  const rows = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  if (!rows.length) return null;
  return element("table", { class: "facts" }, caption ? element("caption", {}, caption) : null, element("tbody", {},
    rows.map(([name, value]) => element("tr", {}, element("th", { scope: "row" }, name),
      element("td", {}, value instanceof Node ? value : formatValue(value))))));
}

function more(title, ...content) {
  return content.some(Boolean) ? element("details", {}, element("summary", {}, title), ...content) : null;
}

// Show text between backticks as code.
function sentence(text) {
  return text.split("`").map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function show(title, ...content) {
  document.title = title + " · Textmill lineage";
  view.replaceChildren(...content.flat().filter(Boolean));
}

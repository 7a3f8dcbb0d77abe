// Show the view that the address names, so that every view has a link; handle keys.

const VIEWS = { run: showRun, artifact: showArtifact, compare: showComparison };

function route(event) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  const shown = VIEWS[name] ? VIEWS[name](...rest) : showRuns();
  const stays = event && name === "run" && rest.length > 1;
  if (stays) focusNode(rest[1]);
  else if (event) scrollTo(0, 0);
  return shown;
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function focusNode(name) {
  const node = [...document.querySelectorAll(".dag .node")].find((other) => other.dataset.node === name);
  if (node) node.focus({ preventScroll: true });
}

function goTo(selector) {
  const link = document.querySelector(selector);
  if (link) location.hash = link.hash || link.getAttribute("href");
}

function moveIn(selector, step) {
  const links = [...document.querySelectorAll(selector)];
  const at = links.indexOf(document.activeElement);
  const next = links[Math.max(0, Math.min(links.length - 1, at + step))];
  if (next) next.focus();
}

const KEYS = {
  "/": () => { if (!document.getElementById("search")) location.hash = "#/"; setTimeout(() => document.getElementById("search").focus()); },
  j: () => moveIn(".runs a, .dag a.node[href], .chain a.artifact", 1),
  k: () => moveIn(".runs a, .dag a.node[href], .chain a.artifact", -1),
  o: () => goTo("[data-key=older]"),
  n: () => goTo("[data-key=newer]"),
  Escape: () => { location.hash = "#/"; },
};

addEventListener("keydown", (event) => {
  const typing = event.target.tagName === "INPUT" && event.target.type === "search";
  if (event.ctrlKey || event.metaKey || event.altKey || (typing && event.key !== "Escape")) return;
  if (typing) event.target.blur();
  else if (KEYS[event.key]) {
    event.preventDefault();
    KEYS[event.key]();
  }
});
addEventListener("hashchange", route);
narrow.addEventListener("change", () => route());
route();

// One run: its main figures, the graph with the state of each node, and the selected node.

const SPLIT = /(?=[A-Z][a-z])/;

function showRun(id, chosen) {
  const run = runs.get(id);
  if (!run) return showNothing("run " + id);
  const ordered = data.runs.filter((other) => other.pipeline === run.pipeline);
  const at = ordered.indexOf(run);
  const failed = Object.keys(run.nodes).find((name) => ["failed", "interrupted"].includes(run.nodes[name].state));
  const node = chosen || failed || (run.nodes.Trainer ? "Trainer" : Object.keys(run.nodes).pop());
  show(id,
    element("p", { class: "path" }, element("a", { href: "#/" }, "All runs"), neighbour(ordered[at + 1], "← older", "older"), neighbour(ordered[at - 1], "newer →", "newer")),
    element("h1", {}, run.pipeline || "Run", " · ", moment(run.began), " ", pill(run.state, run.ending)),
    element("p", { class: "about run-id" }, "Run ", id),
    element("p", { class: "lead" }, run.why
      ? [explanation(run), " (compared with ", element("a", { href: address("compare", run.why.than, id) }, run.why.than), ")."]
      : "The first run of " + run.pipeline + "."),
    run.error ? element("p", { class: "error" }, run.error) : null,
    tiles(run), taskTable(run), taskCurves(run), element("section", { class: "card graph" }, dag(run, node), legend()),
    node ? nodeDetails(run, node) : null,
    Object.keys(run.origin).length ? element("section", { class: "card" }, more("User and machine", facts(Object.entries(run.origin)))) : null);
}

function neighbour(run, text, key) {
  return run ? element("a", { href: address("run", run.run), "data-key": key }, text) : null;
}

function tiles(run) {
  const count = (state) => Object.values(run.nodes).filter((node) => node.state === state).length;
  const commit = run.git.commit ? run.git.commit.slice(0, 10) + (run.git.dirty ? "+" : "") : "–";
  const shown = [
    [run.loss === null ? "–" : run.loss.toFixed(3), "held-out loss" + (run.unigram_loss === null ? "" : "; unigram baseline " + run.unigram_loss.toFixed(3))],
    [run.blessed === null ? "–" : run.blessed ? "blessed" : "not blessed", run.version ? "published as " + run.version : "not published"],
    [count("ran") + " nodes ran", count("cached") + " reused"],
    [duration(run.seconds), moment(run.began)],
    [commit, run.git.dirty ? "git, with uncommitted changes" : "git commit"],
  ];
  return element("div", { class: "tiles" }, shown.map(([value, label]) =>
    element("div", { class: "tile" }, element("b", {}, value), element("span", {}, label))));
}

function legend() {
  return element("ul", { class: "legend" }, [["ran", "ran in this run"], ["cached", "reused from an earlier run"], ["failed", "failed"], ["absent", "not reached"]]
    .map(([state, text]) => element("li", {}, element("i", { class: "key " + state }), text)));
}

function dag(run, chosen) {
  const { places, edges, layers, rows } = data.pipelines[run.pipeline];
  const flat = !narrow.matches; // left to right; on a phone, top to bottom
  const box = flat ? { w: 118, h: 58, across: 148, down: 78 } : { w: 82, h: 68, across: 88, down: 94 };
  const middle = (name) => {
    const [layer, row] = places[name];
    return flat ? [layer * box.across + box.w / 2 + 4, row * box.down + box.h / 2 + 4] : [row * box.across + box.w / 2 + 4, layer * box.down + box.h / 2 + 4];
  };
  const width = (flat ? layers : rows) * box.across - (box.across - box.w) + 8;
  const height = (flat ? rows : layers) * box.down - (box.down - box.h) + 8;
  const made = upstream(run.pipeline, chosen);
  const lines = edges.map(([from, to]) => svgElement("path", { d: curve(middle(from), middle(to), box, flat), class: lineClass(run, made, from, to) }));
  const nodes = Object.keys(places).map((name) => nodeBox(run, name, middle(name), box, name === chosen, made.has(name)));
  return svgElement("svg", { class: "dag" + (flat ? "" : " standing"), viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The pipeline's graph" }, lines, nodes);
}

function lineClass(run, made, from, to) {
  return (made.has(from) && made.has(to) ? "made" : "") + (run.nodes[to] ? "" : " absent");
}

function curve([x1, y1], [x2, y2], box, flat) {
  if (flat) {
    const [a, b] = [x1 + box.w / 2, x2 - box.w / 2], half = (a + b) / 2;
    return `M${a},${y1}C${half},${y1} ${half},${y2} ${b},${y2}`;
  }
  const [a, b] = [y1 + box.h / 2, y2 - box.h / 2], half = (a + b) / 2;
  return `M${x1},${a}C${x1},${half} ${x2},${half} ${x2},${b}`;
}

// A node and all its ancestors.
function upstream(pipeline, name) {
  const ancestors = new Set(), waiting = [name];
  while (waiting.length) {
    const next = waiting.pop();
    if (!ancestors.has(next)) {
      ancestors.add(next);
      for (const [from, to] of data.pipelines[pipeline].all_edges) if (to === next) waiting.push(from);
    }
  }
  return ancestors;
}

function nodeBox(run, name, [x, y], box, isChosen, isMade) {
  const node = run.nodes[name];
  const state = node ? node.state : "absent";
  const title = titleLines(name);
  const group = svgElement("a", {
    class: ["node", state, isChosen ? "chosen" : "", isMade ? "made" : ""].join(" "),
    href: node ? address("run", run.run, name) : null, "data-node": name, "aria-current": isChosen ? "true" : null,
    "aria-label": `${name}: ${state}${node && node.words ? ", " + node.words : ""}`,
  },
    svgElement("rect", { x: x - box.w / 2, y: y - box.h / 2, width: box.w, height: box.h, rx: 10 }),
    title.map((line, index) => svgElement("text", { x, y: y - 3 - (title.length - 1) * 6.5 + index * 13, "text-anchor": "middle" }, line)),
    svgElement("text", { class: "state", x, y: y + box.h / 2 - 8, "text-anchor": "middle" }, stateWords(node, name)));
  group.append(svgElement("title", {}, node && node.words ? node.words : name));
  return group;
}

// Split a name such as DocumentStatistics into two lines; into three on a phone, where boxes are narrow.
function titleLines(name) {
  const parts = name.split(SPLIT), most = narrow.matches ? 3 : 2;
  return parts.length > most ? [...parts.slice(0, parts.length - most + 1).reduce((all, part) => [all.join("") + part], []), ...parts.slice(parts.length - most + 1)] : parts;
}

function stateWords(node, name) {
  if (!node) return "not reached";
  if (["failed", "interrupted", "running"].includes(node.state)) return node.state;
  const result = node.state === "found" ? "looked up" : node.words.split(/, | masking/)[0].replace("version ", "v");
  const short = result.length > (narrow.matches ? 10 : 19) ? "" : result;
  return node.state === "cached" ? "↺ " + (short || "reused") : short || "ran";
}

function showNothing(name) {
  show("Not found", element("h1", {}, "Not found"), element("p", { class: "lead" }, "This page has no " + name + ". ", element("a", { href: "#/" }, "All runs")));
}

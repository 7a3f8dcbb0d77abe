// The list of runs: search, filters, the charts of losses and scores, and the choice of two runs to compare.

const FILTERS = ["all", "published", "blessed", "failed"];
const listing = { text: "", filter: "all", chosen: [] };

function showRuns() {
  const search = element("input", { type: "search", id: "search", placeholder: "Search: steps=200, a digest, a commit …", "aria-label": "Search", autocomplete: "off", spellcheck: "false" });
  search.value = listing.text;
  const list = element("ol", { class: "runs" });
  const chart = element("div", {});
  const chips = element("div", { class: "chips", role: "group", "aria-label": "Filter" }, FILTERS.map((name) =>
    element("button", { type: "button", "aria-pressed": String(listing.filter === name), onclick: () => { listing.filter = name; refresh(); } }, name)));
  const bar = element("div", { class: "compare-bar", "aria-live": "polite" });

  function refresh() {
    const matches = data.runs.filter(isMatch);
    list.replaceChildren(...matches.map((run) => runRow(run, updateBar)));
    if (!matches.length) list.append(element("li", { class: "nothing" }, "No run matches."));
    const losses = lineChart(matches, "Held-out loss of each trained model", (run) => run.loss);
    chart.replaceChildren(...[losses, ...taskCharts(matches)].filter(Boolean));
    for (const chip of chips.children) chip.setAttribute("aria-pressed", String(chip.textContent === listing.filter));
  }

  function updateBar() {
    const [first, second] = [...listing.chosen].sort();
    bar.hidden = !first;
    bar.replaceChildren(second
      ? element("a", { class: "button", href: address("compare", first, second) }, "Compare these two runs")
      : element("span", {}, "Choose another run to compare with " + first + "."));
  }

  search.addEventListener("input", () => { listing.text = search.value; refresh(); });
  refresh();
  updateBar();
  const older = data.older ? element("p", { class: "about" }, data.older.toLocaleString("en") + " older runs are not on this page.") : null;
  show("Runs", element("h1", {}, headline()), element("p", { class: "lead" }, "Each line shows how a run differs from the last successful run before it."), chart, element("div", { class: "tools" }, search, chips), list, older, bar);
}

function headline() {
  const models = new Set(data.runs.map((run) => run.model).filter(Boolean)).size;
  const published = new Set(data.runs.map((run) => run.version).filter(Boolean)).size;
  return `${data.runs.length} ${data.runs.length === 1 ? "run" : "runs"}, ${models} ${models === 1 ? "model" : "models"}, ${published} published`;
}

function isMatch(run) {
  const passes = { all: true, published: run.version, blessed: run.blessed, failed: !["succeeded", "running"].includes(run.state) }[listing.filter];
  const terms = listing.text.toLowerCase().split(/\s+/).filter(Boolean);
  return passes && terms.every((term) => searchText(run).includes(term));
}

// The text that the search looks in: names, explanation, settings as name=value, and digests.
function searchText(run) {
  if (!run.searchText) {
    const outputs = Object.values(run.nodes).flatMap((node) => (data.executions[node.execution] || { outputs: [] }).outputs);
    const digests = outputs.map(([, id]) => data.artifacts[id].digest);
    const parts = Object.values(run.parts).flatMap((part) => Object.entries(part).map(([name, value]) => `${name}=${value}`));
    const names = [run.run, run.pipeline, run.ending, run.error, run.version, run.git.commit, run.why && run.why.sentence];
    run.searchText = [...names, ...parts, ...digests].filter(Boolean).join("\n").toLowerCase();
  }
  return run.searchText;
}

function runRow(run, changed) {
  const box = element("input", { type: "checkbox", "aria-label": "Compare " + run.run });
  box.checked = listing.chosen.includes(run.run);
  box.addEventListener("change", () => {
    listing.chosen = listing.chosen.filter((id) => id !== run.run);
    if (box.checked) listing.chosen.push(run.run);
    if (listing.chosen.length > 2) {
      const dropped = listing.chosen.shift();
      for (const other of document.querySelectorAll(".runs input")) if (other.ariaLabel === "Compare " + dropped) other.checked = false;
    }
    changed();
  });
  const why = run.why ? explanation(run) : "the first run of " + run.pipeline;
  return element("li", { class: "run " + run.state }, box,
    element("a", { href: address("run", run.run) },
      element("span", { class: "id" }, run.run, element("small", {}, run.pipeline + " · " + duration(run.seconds))),
      element("span", { class: "why" }, why),
      stateStrip(run),
      element("span", { class: "loss" }, run.loss === null ? null : [element("small", {}, "loss "), run.loss.toFixed(3)]),
      resultPill(run)));
}

// The explanation without the run's own id, which is shown next to it.
function explanation(run) {
  return sentence(run.why.sentence.replaceAll(run.run + " ", ""));
}

function resultPill(run) {
  if (run.state !== "succeeded") return pill(run.state);
  if (run.reused) return pill("cached", "same model");
  if (run.version) return pill("published", "published");
  return run.blessed === null ? pill("plain", "no model") : pill(run.blessed ? "ran" : "plain", run.blessed ? "blessed" : "not blessed");
}

// One square per node, in the order of the pipeline: which ran, which were reused.
function stateStrip(run) {
  const names = Object.keys(data.pipelines[run.pipeline].places);
  const label = Object.entries(run.nodes).map(([name, node]) => name + " " + node.state).join(", ");
  return svgElement("svg", { class: "strip", viewBox: `0 0 ${names.length * 9} 8`, preserveAspectRatio: "xMinYMid", role: "img", "aria-label": label },
    names.map((name, index) => svgElement("rect", { x: index * 9, width: 7, height: 8, rx: 2, class: run.nodes[name] ? run.nodes[name].state : "absent" },
      svgElement("title", {}, name + ": " + (run.nodes[name] ? run.nodes[name].state : "not reached")))));
}

function lineChart(shown, title, measure) {
  const known = shown.filter((run) => measure(run) !== null && !run.reused).reverse();
  if (known.length < 3) return null;
  const points = known.map((run, index) => ({
    at: index, value: measure(run), blessed: run.blessed, href: address("run", run.run),
    words: `${run.run}: ${measure(run).toFixed(4)}, ${run.blessed ? "blessed" : "not blessed"}` }));
  return drawLine(title, points, "oldest", "newest");
}

// A line through points { at, value, words, blessed, href }, in the order of `at`.
function drawLine(title, points, first, last) {
  const width = narrow.matches ? 400 : 1080, height = 150, left = 44, top = 14, bottom = 24;
  const values = points.map((point) => point.value);
  const low = Math.min(...values), span = Math.max(...values) - low || 1;
  const start = points[0].at, length = points[points.length - 1].at - start || 1;
  const x = (point) => left + 10 + ((point.at - start) / length) * (width - left - 24);
  const y = (value) => top + (1 - (value - low) / span) * (height - top - bottom);
  const levels = [low, low + span / 2, low + span].map((value) => [
    svgElement("line", { class: "grid", x1: left, x2: width, y1: y(value), y2: y(value) }),
    svgElement("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2))]);
  const dot = (point) => svgElement("circle", { class: point.blessed ? "blessed" : "", cx: x(point), cy: y(point.value), r: points.length > 60 ? 3 : 5 }, svgElement("title", {}, point.words));
  return element("section", { class: "card" }, element("h2", {}, title),
    svgElement("svg", { class: "losses", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}, from ${first} to ${last}` },
      levels, svgElement("polyline", { points: points.map((point) => `${x(point)},${y(point.value)}`).join(" ") }),
      points.map((point) => point.href ? svgElement("a", { href: point.href }, dot(point)) : dot(point)),
      svgElement("text", { x: left + 4, y: height - 4 }, first), svgElement("text", { x: width - 4, y: height - 4, "text-anchor": "end" }, last)));
}

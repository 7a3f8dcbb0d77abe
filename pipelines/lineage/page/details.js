// A node's inputs, outputs, settings and code; an artifact with its ancestors and descendants.

function nodeDetails(run, name) {
  const node = run.nodes[name];
  if (!node) return null;
  const done = data.executions[node.execution];
  const origin = node.from
    ? ["Nothing changed, so the result of run ", runLink(node.from), " was reused."]
    : [{ ran: (node.state === "found" ? "Looked up existing artifacts in " : "Ran in ") + duration(done.seconds) + ".", running: "Still running when this page was written." }[done.state] || "It did not finish."];
  const outputs = done.outputs.filter(([, id]) => data.artifacts[id]);
  return element("section", { class: "card details", id: "details" },
    element("h2", {}, name, " ", pill(node.state, { cached: "reused", found: "looked up" }[node.state] || node.state)),
    element("p", { class: "about" }, origin),
    element("div", { class: "columns" },
      element("div", {}, element("h3", {}, "Inputs"), links([...done.inputs, ...(done.started_from ? [["started from", done.started_from]] : [])], "Only text and settings.")),
      element("div", {}, element("h3", {}, "Outputs"), links(outputs, "None.")),
      element("div", {}, element("h3", {}, "Code"), facts([["component", done.component.split(".").pop()], ["digest", done.code_digest],
        ["git commit", done.commit && done.commit.slice(0, 12) + (done.dirty ? ", with uncommitted changes" : "")], ["started", moment(done.began)]]))),
    more(`${Object.keys(done.settings).length} settings`, facts(Object.entries(done.settings))),
    outputs.map(([, id]) => more("Details of " + data.artifacts[id].noun + " " + id, about(id))));
}

function links(pairs, nothing) {
  if (!pairs.length) return element("p", { class: "about" }, nothing);
  return element("ul", { class: "links" }, pairs.map(([key, id]) => element("li", {}, element("span", { class: "key-name" }, key.replaceAll("_", " ")), artifactLink(id))));
}

function about(id) {
  const artifact = data.artifacts[id];
  const splits = Object.keys(artifact.counts);
  const counters = [...new Set(splits.flatMap((split) => Object.keys(artifact.counts[split])))].filter((name) => splits.some((split) => artifact.counts[split][name]));
  const counts = counters.length ? element("div", { class: "scroll" }, element("table", { class: "counts" },
    element("thead", {}, element("tr", {}, element("th", {}), splits.map((split) => element("th", { scope: "col" }, split)))),
    element("tbody", {}, counters.map((name) => element("tr", {}, element("th", { scope: "row" }, name.replaceAll("_", " ")),
      splits.map((split) => element("td", {}, split in artifact.counts && name in artifact.counts[split] ? formatValue(artifact.counts[split][name]) : "")))))) ) : null;
  return element("div", {}, artifact.link ? element("p", {}, element("a", { href: artifact.link, rel: "noreferrer" }, "Open the " + artifact.noun)) : null,
    facts([["content digest", artifact.digest], ...Object.entries(artifact.facts), ...Object.entries(artifact.properties)]), counts,
    facts([["folder", artifact.folder + (artifact.exists ? "" : " (gone)")]]));
}

function showArtifact(id) {
  const artifact = data.artifacts[id];
  if (!artifact) return showNothing("artifact " + id);
  const made = data.executions[artifact.by];
  const reuses = artifact.reuses.length;
  show(artifact.noun + " " + id,
    element("p", { class: "path" }, element("a", { href: "#/" }, "All runs"), made ? runLink(made.run) : null),
    element("h1", {}, `${artifact.noun[0].toUpperCase()}${artifact.noun.slice(1)} ${id}`),
    element("p", { class: "lead" }, artifact.words ? artifact.words + ". " : "",
      made ? ["Made by ", element("a", { href: address("run", made.run, made.node) }, made.node), " in run ", runLink(made.run), "."] : "Its producer is not on this page.",
      reuses ? ` Reused by ${reuses} ${reuses === 1 ? "run" : "runs"}.` : ""),
    chain("Inputs, back to the text", walk(id, "up")), chain("Descendants", walk(id, "down")),
    element("section", { class: "card" }, element("h2", {}, "Details"), about(id)));
}

// Artifacts with their distance, nearest first. The baseline of an evaluation is not an ancestor.
function walk(start, direction) {
  const seen = new Set([Number(start)]), steps = [];
  let near = [Number(start)];
  for (let distance = 1; near.length; distance += 1) {
    const next = near.flatMap((id) => neighbours(id, direction)).filter((id) => data.artifacts[id] && !seen.has(id));
    near = [...new Set(next)];
    for (const id of near) {
      seen.add(id);
      steps.push([distance, id]);
    }
  }
  return steps;
}

function neighbours(id, direction) {
  if (direction === "up") {
    const made = data.executions[data.artifacts[id].by];
    return made ? made.inputs.filter(([key]) => key !== "baseline_model").map(([, source]) => source) : [];
  }
  return data.artifacts[id].readers.map((reader) => data.executions[reader]).filter(Boolean)
    .filter((done) => done.inputs.some(([key, source]) => source === id && key !== "baseline_model"))
    .flatMap((done) => done.outputs.map(([, made]) => made));
}

function chain(title, steps) {
  if (!steps.length) return null;
  return element("section", { class: "card" }, element("h2", {}, title), element("ol", { class: "chain" }, steps.map(([distance, id]) => {
    const made = data.executions[data.artifacts[id].by];
    return element("li", { class: "far-" + Math.min(distance, 6) }, artifactLink(id),
      made ? element("span", { class: "by" }, made.node, " in ", runLink(made.run)) : null);
  })));
}

// Two runs side by side, with the differences marked.

const PARTS = { metrics: "Results", settings: "Settings", text: "Text", vocabulary: "Vocabulary", model: "Model", code: "Code", commits: "Git commits", versions: "Versions", machine: "Machine", places: "Folders" };
let onlyChanges = true;

function showComparison(before, after) {
  const pair = [runs.get(before), runs.get(after)];
  if (!pair[0] || !pair[1]) return showNothing("pair of runs " + before + " and " + after);
  const parts = Object.keys(PARTS).map((part) => [part, differences(pair, part)]);
  const differing = parts.reduce((sum, [, rows]) => sum + rows.filter((row) => row.differs).length, 0);
  const why = pair[1].why && pair[1].why.than === before ? pair[1].why.sentence : null;
  const toggle = element("button", { type: "button", "aria-pressed": String(onlyChanges), onclick: () => { onlyChanges = !onlyChanges; showComparison(before, after); } }, "only differences");
  show(before + " and " + after,
    element("p", { class: "path" }, element("a", { href: "#/" }, "All runs"), element("a", { href: address("compare", after, before) }, "swap")),
    element("h1", {}, "Two runs"),
    element("p", { class: "lead" }, why ? [sentence(why), "."] : `${differing} ${differing === 1 ? "value differs" : "values differ"}.`),
    element("div", { class: "pair" }, pair.map((run, index) => element("div", { class: "card side-" + index },
      element("h2", {}, runLink(run.run)), element("p", { class: "about" }, moment(run.began) + " · " + run.ending), stateStrip(run)))),
    element("div", { class: "chips" }, toggle),
    table(parts, pair), same(parts),
    element("p", { class: "about" }, "To list the documents that were added and removed, run ", element("code", {}, `textmill lineage diff ${before} ${after}`)));
}

function differences(pair, part) {
  const [before, after] = pair.map((run) => run.parts[part]);
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.map((name) => ({ name, before: before[name], after: after[name], differs: JSON.stringify(before[name]) !== JSON.stringify(after[name]) }));
}

function table(parts, pair) {
  const shown = parts.map(([part, rows]) => [part, onlyChanges ? rows.filter((row) => row.differs) : rows]).filter(([, rows]) => rows.length);
  if (!shown.length) return null;
  return element("section", { class: "card scroll" }, element("table", { class: "compared" },
    element("thead", {}, element("tr", {}, element("th", {}), pair.map((run) => element("th", { scope: "col" }, run.run)))),
    shown.map(([part, rows]) => element("tbody", {}, element("tr", { class: "part" }, element("th", { colspan: 3, scope: "rowgroup" }, PARTS[part])), rows.map(comparedRow)))));
}

function comparedRow(row) {
  return element("tr", { class: row.differs ? "differs" : "" }, element("th", { scope: "row" }, row.name),
    [row.before, row.after].map((value, index) => element("td", {}, value === undefined ? element("i", {}, "none") : formatValue(value), index && row.differs ? change(row) : null)));
}

// The parts without a difference.
function same(parts) {
  const names = parts.filter(([, rows]) => rows.length && rows.every((row) => !row.differs)).map(([part]) => PARTS[part].toLowerCase());
  return names.length ? element("p", { class: "same" }, element("b", {}, "Unchanged: "), names.join(", ") + ".") : null;
}

function change(row) {
  if (typeof row.before !== "number" || typeof row.after !== "number" || !row.before) return null;
  const share = (100 * (row.after - row.before)) / Math.abs(row.before);
  return element("small", {}, ` ${share > 0 ? "+" : "−"}${Math.abs(share) < 10 ? Math.abs(share).toFixed(1) : Math.abs(share).toFixed(0)} %`);
}

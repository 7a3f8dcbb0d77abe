// Scores on downstream tasks: on the page of a run a table, and lines over the steps of its training; on the list a line over runs.

const SCORE = /^([a-z][a-z0-9_]*)\.(accuracy|macro_f1|matthews)$/;

function taskScores(run) {
  return Object.entries(run.parts.metrics || {}).filter(([name]) => SCORE.test(name));
}

function taskTable(run) {
  const scores = taskScores(run), metrics = run.parts.metrics || {};
  if (!scores.length) return null;
  const cell = (name) => element("td", {}, name in metrics ? metrics[name].toFixed(3) : "");
  return element("section", { class: "card" }, element("h2", {}, "Downstream tasks"), element("div", { class: "scroll" },
    element("table", { class: "counts" },
      element("thead", {}, element("tr", {}, ["", "fine-tuned", "spread", "random weights", "frozen probe", "probe of random weights", "bag of words", "most common label"].map((title) => element("th", { scope: "col" }, title)))),
      element("tbody", {}, scores.map(([name]) => {
        const task = name.split(".")[0];
        return element("tr", {}, element("th", { scope: "row" }, name),
          [name, name + "_spread", name + "_random", task + ".probe", task + ".probe_random", task + ".bag_of_words", task + ".majority"].map(cell));
      })))));
}

function taskCharts(shown) {
  const names = [...new Set(shown.flatMap((run) => taskScores(run).map(([name]) => name)))];
  return names.map((name) => lineChart(shown, `${name} of each trained model, fine-tuned`, (run) => (run.parts.metrics || {})[name] ?? null));
}

function taskCurves(run) {
  const trainer = run.nodes.Trainer && data.executions[run.nodes.Trainer.execution];
  const [, model] = (trainer ? trainer.outputs : []).find(([key]) => key === "model") || [];
  const curve = (data.artifacts[model] || {}).curve || [];
  if (curve.length < 2) return [];
  const ends = [curve[0], curve[curve.length - 1]].map((point) => "step " + point.step.toLocaleString("en"));
  return Object.keys(curve[0]).filter((name) => name !== "step").map((name) => drawLine(`${name} during training`,
    curve.map((point) => ({ at: point.step, value: point[name], words: `step ${point.step.toLocaleString("en")}: ${point[name].toFixed(4)}` })), ...ends));
}

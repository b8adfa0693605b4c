/* What a task of the page try-it has found, in words, as a picture and as a table.

   `qbpResults(said, picture, table, width)` fills these three elements, again with every part that comes; a method
   for each task. */
"use strict";

const qbpMethods = {
  "two-stage": "Algorithm 1", random: "random start", small: "small angles", identity: "identity blocks",
  layerwise: "layer by layer",
};

const qbpResults = (said, picture, table, width) => {
  const { make, number, power, share, plot, heatmap, extent } = qbpDraw;
  const BITS = 1 / Math.LN2;  // a relative error in units of log2
  const count = value => value.toLocaleString("en");

  function listed(head, body) {
    const row = (tag, cells) => make("tr", {}, cells.map(text => make(tag, tag === "th" ? { scope: "col" } : {}, text)));
    const rows = [make("thead", {}, row("th", head)), make("tbody", {}, body.map(cells => row("td", cells)))];
    const box = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Numbers" }, make("table", {}, rows));
    const open = table.querySelector("details")?.open ?? false;  // as the reader left it
    table.replaceChildren(make("details", { open }, make("summary", {}, "Numbers"), box));
  }

  function trusted({ log2, relative, known }) {
    if (!known) return "not resolved, too few walks come back";
    return log2 === -Infinity ? "exactly 0" : `${power(log2)} ${share(relative)} (one standard error)`;
  }

  /* Dots of [angle, log2, error]: one for each angle, or for the mean of neighbours where there are many. */
  function dots(angles, log2, relative) {
    const group = Math.ceil(angles.length / 300), points = [];
    for (let at = 0; at < angles.length; at += group) {
      const some = angles.slice(at, at + group), top = Math.max(...some.map(k => log2[k]));
      const mean = some.reduce((sum, k) => sum + 2 ** (log2[k] - top), 0) / some.length;
      points.push([some[0], top + Math.log2(mean), group === 1 ? relative[some[0]] * BITS : 0]);
    }
    return { group, points };
  }

  function variance({ rounds, walks, log2, relative, zero, known, mean }) {
    if (rounds < 4) {  // no error can be told from so few
      said.textContent = `Round ${rounds} of 32 …`;
      return;
    }
    const moved = [...log2.keys()].filter(k => !zero[k]), clear = moved.filter(k => known[k]);
    const { group, points } = dots(clear, log2, relative);
    said.textContent = `Mean over ${count(log2.length)} angles: ${trusted(mean)}, in the squared unit of the observable `
      + `per squared radian. ${count(walks)} walks, ${rounds} of 32 rounds. Exactly zero: ${count(log2.length - moved.length)} `
      + `angles; not resolved: ${count(moved.length - clear.length)}.`;
    if (!points.length) picture.replaceChildren();
    else picture.replaceChildren(plot({
      series: [{ points, dots: true, line: false }], width: width(),
      xLabel: group > 1 ? `angle (each dot the mean of ${group})` : "angle, counted from 0",
      yLabel: "log₂ of the gradient variance",
      alt: `base-2 logarithm of the gradient variance of ${clear.length} angles`,
    }));
    const first = [...log2.keys()].slice(0, 200);
    listed(["angle", "variance", "standard error"], first.map(k =>
      [String(k), known[k] ? power(log2[k]) : "not resolved", zero[k] ? "exact" : share(relative[k])]));
  }

  function scaling(found) {
    const clear = found.filter(one => one.known && one.log2 > -Infinity), last = found.at(-1);
    said.textContent = `${last.n} qubits: ${trusted(last)}, the mean over all angles, in the squared unit of the observable.`;
    picture.replaceChildren(plot({
      series: [{ points: clear.map(one => [one.n, one.log2, one.relative * BITS]), dots: true }], width: width(),
      xLabel: "qubits", yLabel: "log₂ of the mean gradient variance",
      alt: `base-2 logarithm of the mean gradient variance: ${clear.map(one => `${one.n} qubits ${number(one.log2)}`).join(", ")}`,
    }));
    listed(["qubits", "mean variance"], found.map(one => [String(one.n), trusted(one)]));
  }

  const average = values => values.reduce((a, b) => a + b, 0) / values.length;

  /* `curves`: {method: [the energies of its runs, for each step]}. */
  function training(curves, { runs, steps, stage1, shots }) {
    const full = [...curves].map(([method, curve]) => [method, curve.filter(values => values.length === runs)]);
    const at = Math.min(...full.map(([, curve]) => curve.length)) - 1;
    if (at < 0) return;
    const tones = Object.keys(qbpMethods);
    const series = full.map(([method, curve]) => (
      { points: curve.map((values, step) => [step, average(values)]), tone: tones.indexOf(method) }));
    const final = full.map(([method, curve]) => `${qbpMethods[method]}: ${number(average(curve[at]))}`);
    const staged = curves.has("two-stage") && stage1 < steps;
    said.textContent = `Step ${at} of ${steps}; the exact expectation of the observable, mean of ${runs} runs`
      + (shots ? `, trained with ${shots} shots a term.` : ".")
      + (staged ? " The upright line is where Algorithm 1 goes from Stage 1 to Stage 2." : "");
    const legend = make("p", { class: "legend" }, final.map((text, i) =>
      make("span", { class: `tone-${series[i].tone}` }, make("i"), text)));
    picture.replaceChildren(plot({
      series, marks: staged ? [stage1] : [], xRange: [0, steps], width: width(),
      xLabel: "step", yLabel: "expectation of the observable", alt: `at step ${at}: ${final.join(", ")}`,
    }), legend);
    listed(["method", "mean at this step", "each run"], full.map(([method, curve]) =>
      [qbpMethods[method], number(average(curve[at]), 5), curve[at].map(v => number(v, 4)).join(", ")]));
  }

  function landscape({ points, grid }, i, j, held) {
    const [low, high] = extent(grid);
    said.textContent = `From ${number(low)} to ${number(high)}, in the unit of the observable; light is low. `
      + `At the dot all angles are ${held}.`;
    picture.replaceChildren(heatmap({
      points, grid, width: width(), xLabel: `change of angle ${i} in radians`, yLabel: `change of angle ${j} in radians`,
      alt: `the expectation over angles ${i} and ${j}, from ${number(low)} to ${number(high)}`,
    }));
  }

  return { variance, scaling, training, landscape };
};

/* The form of the page try-it: choose or paste a circuit, choose what to compute, press Compute.

   To embed it: <div class="qbp-live" data-figure="try-it"></div>.  The state of the form is in the link, behind "#", so
   that a teacher can send one; a link that has a state computes at once. */
"use strict";

const qbpTryIt = root => {
  const { make, number, power, share, plot, heatmap, minus, extent } = qbpDraw;
  const ansatz = s => s.circuit === "ansatz", pasted = s => s.circuit === "qasm", training = s => s.what === "training";
  const METHODS = { "two-stage": "Algorithm 1", random: "random start", small: "small angles", identity: "identity blocks", layerwise: "layer by layer" };
  const EXAMPLE = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\ninput float a;\ninput float b;\nqubit[2] q;\n"
    + "ry(a) q[0];\nh q[1];\ncx q[0], q[1];\nrz(2 * b) q[1];\nrx(pi / 2) q[1];";

  /* name: [label, start, choices or [lowest, highest] or null for text, when it is shown] */
  const FIELDS = {
    what: ["Compute", "variance", { variance: "gradient variance, angle by angle", scaling: "gradient variance against qubits",
      training: "training, five ways", landscape: "landscape over two angles" }],
    circuit: ["Circuit", "ansatz", { ansatz: "the book's ansatz", qasm: "pasted, OpenQASM 2 or 3" },
      s => s.what === "variance" || s.what === "landscape"],
    n: ["Qubits", "6", [1, 1000], s => ansatz(s)],
    layers: ["Layers", "4", [1, 1000], s => ansatz(s)],
    rotations: ["Rotations", "ry,rz", Object.fromEntries(["ry,rz", "ry", "rx,ry", "rx,rz", "rx,ry,rz", "rz,ry", "rx"].map(v => [v, v.replaceAll(",", ", ")])), ansatz],
    entangler: ["Entangler", "cz", { cz: "CZ", cnot: "CNOT" }, ansatz],
    topology: ["Pairs", "ladder", { ladder: "ladder", ring: "ring", brick: "brick" }, ansatz],
    qasm: ["Program", EXAMPLE, null, pasted],
    observable: ["Observable", "zz", { zz: "Z0 Z1", local: "local cost", global: "projector on 0…0", tfim: "Ising chain", heisenberg: "Heisenberg chain", own: "typed below" }],
    own: ["Pauli sum", "Z0 Z1 + 0.5 X0", null, s => s.observable === "own"],
    walks: ["Walks", "131072", { 16384: "16,384", 131072: "131,072", 1048576: "1,048,576" }, s => s.what === "variance" || s.what === "scaling"],
    methods: ["Methods", Object.keys(METHODS).join(","), METHODS, training],
    runs: ["Runs of each", "3", [1, 20], training],
    steps: ["Steps", "200", [1, 5000], training],
    stage1: ["of these Stage 1", "60", [0, 5000], training],
    rate: ["Step size of Adam", "0.1", [0, 10], training],
    pull: ["Eq. 1 asks every qubit for", "X", { X: "⟨X⟩ = 1", Y: "⟨Y⟩ = 1", Z: "⟨Z⟩ = 1" }, training],
    shots: ["Shots", "0", { 0: "none: exact", 10: "10", 100: "100", 1000: "1,000" }, training],
    i: ["First angle", "0", [0, 200000], s => s.what === "landscape"],
    j: ["Second angle", "1", [0, 200000], s => s.what === "landscape"],
    seed: ["Seed", "0", [0, 999999]],
  };

  // ------------------------------------------------------------------------------------------------ the form

  const inputs = {}, rows = {};
  const form = make("form", { submit: event => { event.preventDefault(); compute(); }, input: refresh });
  for (const [name, [label, start, choices]] of Object.entries(FIELDS)) {
    if (name === "methods") {
      const boxes = Object.entries(choices).map(([value, text]) =>
        make("label", {}, make("input", { type: "checkbox", value, checked: true }), make("span", {}, text)));
      rows[name] = make("fieldset", {}, make("legend", {}, label), boxes);
      inputs[name] = { get value() { return boxes.filter(b => b.firstChild.checked).map(b => b.firstChild.value).join(","); },
        set value(text) { for (const b of boxes) b.firstChild.checked = text.split(",").includes(b.firstChild.value); } };
    } else {
      inputs[name] = field(name, choices);
      inputs[name].value = start;
      rows[name] = make("label", { class: ["what", "circuit", "qasm", "own"].includes(name) ? "wide" : null }, make("span", {}, label), inputs[name]);
    }
    form.append(rows[name]);
  }

  function field(name, choices) {
    if (Array.isArray(choices)) return make("input", { type: "number", min: choices[0], max: choices[1], step: name === "rate" ? "any" : 1, required: true });
    if (choices) return make("select", {}, Object.entries(choices).map(([value, text]) => make("option", { value }, text)));
    return name === "qasm" ? make("textarea", { rows: 9, spellcheck: "false" }) : make("input", { type: "text", spellcheck: "false" });
  }

  const button = make("button", { type: "submit", class: "go" }, "Compute");
  const stopButton = make("button", { type: "button", hidden: true, click: stop }, "Stop");
  const link = make("a", { href: "#" }, "Link to this setting");
  const said = make("p", { class: "said", role: "status" }), picture = make("div", { class: "pictures" }), table = make("div");
  form.append(make("div", { class: "controls wide" }, button, stopButton, link));
  root.append(form, said, picture, table);

  const state = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));

  function shown(name, now) {
    const when = FIELDS[name][3];
    return !when || Boolean(when(now));
  }

  /* Only what is shown and differs from the start goes into the link. */
  function refresh() {
    const now = state(), kept = new URLSearchParams();
    if (!shown("circuit", now)) now.circuit = "ansatz";
    for (const name of Object.keys(FIELDS)) {
      rows[name].hidden = !shown(name, now);
      if (rows[name].hidden) rows[name].querySelectorAll(":invalid").forEach(input => { input.value = FIELDS[name][1]; });
      if (!rows[name].hidden && (now[name] !== FIELDS[name][1] || name === "what")) kept.set(name, now[name]);
    }
    inputs.n.max = now.what === "training" || now.what === "landscape" ? 10 : 1000;
    link.href = `#${kept}`;
    return now;
  }

  function restore() {
    const given = new URLSearchParams(location.hash.slice(1));
    if (!given.has("what")) return false;
    for (const [name, [, start]] of Object.entries(FIELDS)) inputs[name].value = given.get(name) ?? start;
    for (const input of form.querySelectorAll("select")) if (input.selectedIndex < 0) input.selectedIndex = 0;
    refresh();
    return true;
  }

  // ------------------------------------------------------------------------------------------------- computing

  let job = null, stopped = false;

  function stop() {
    stopped = true;
    job?.stop();
    job = null;
    stopButton.hidden = true;
    root.removeAttribute("aria-busy");
  }

  /* Start a task; `onParts` gets all parts so far as they come. */
  async function ask(task, options, onParts = () => {}) {
    const all = [], mine = job = qbpLive.start(task, options, parts => { all.push(...parts); if (job === mine) onParts(all); });
    return await mine.result ?? all;
  }

  async function compute() {
    if (!form.reportValidity()) return;
    stop();
    const now = refresh();
    if (location.hash !== link.hash) location.replace(link.hash);
    stopped = false;
    stopButton.hidden = false;
    root.setAttribute("aria-busy", "true");
    for (const part of [picture, table]) part.replaceChildren();
    said.textContent = "Computing …";
    try {
      await tasks[now.what](now);
    } catch (error) {
      said.textContent = `This cannot be computed here: ${error.message}.`;
    }
    stopButton.hidden = true;
    root.removeAttribute("aria-busy");
  }

  const whole = (now, names) => Object.fromEntries(names.map(name => [name, Number(now[name])]));
  const shape = now => ({ ...whole(now, ["n", "layers"]), rotations: now.rotations, entangler: now.entangler, topology: now.topology });
  const asked = now => ({ circuit: pasted(now) ? { qasm: now.qasm } : shape(now),
    observable: now.observable === "own" ? now.own : now.observable, seed: Number(now.seed) });
  const width = () => Math.max(270, root.clientWidth - 26);

  const tasks = {
    async variance(now) {
      await ask("variance", { ...asked(now), walks: Number(now.walks) }, parts => drawVariance(parts.at(-1)));
    },
    /* Two qubits, four, ... up to n, each from the rounds that its walks take. */
    async scaling(now) {
      const sizes = [], found = [];
      for (let n = 2; n < Number(now.n); n = n < 10 ? n + 1 : Math.round(n * 1.5)) sizes.push(n);
      for (const n of [...sizes, Math.max(2, Number(now.n))]) {
        const options = asked({ ...now, n });
        found.push({ n, ...(await ask("variance", { ...options, walks: Number(now.walks) })).at(-1).mean });
        drawScaling(found);
      }
    },
    async training(now) {
      const options = { ...asked(now), ...whole(now, ["runs", "steps", "stage1", "rate", "shots"]), pull: { pauli: now.pull, target: 1 } };
      const methods = now.methods.split(",").filter(Boolean);
      if (!methods.length) throw new Error("choose a method");
      const curves = new Map(methods.map(method => [method, []]));
      let read = 0;
      await ask("train", { ...options, methods }, parts => {
        for (; read < parts.length; read++) {
          const { method, run, step, energy } = parts[read], curve = curves.get(method);
          (curve[step] ??= [])[run] = energy;
        }
        drawTraining(curves, options);
      });
    },
    async landscape(now) {
      const found = await ask("landscape", { ...asked(now), ...whole(now, ["i", "j"]), points: 41 });
      const [low, high] = extent(found.grid);
      said.textContent = `From ${number(low)} to ${number(high)}, in the unit of the observable; the dot is where the other angles are held, `
        + `${pasted(now) ? "at the numbers of the program (0 for an input)" : `at random angles of seed ${now.seed}`}. Light is low.`;
      picture.replaceChildren(heatmap({ ...found, width: width(), xLabel: `change of angle ${now.i} in radians`, yLabel: `change of angle ${now.j} in radians`,
        alt: `the expectation over angles ${now.i} and ${now.j}, from ${number(low)} to ${number(high)}` }));
    },
  };

  // -------------------------------------------------------------------------------------------------- results

  function listed(caption, head, body) {
    const cells = (tag, row) => make("tr", {}, row.map(text => make(tag, tag === "th" ? { scope: "col" } : {}, text)));
    table.replaceChildren(make("details", {}, make("summary", {}, caption),
      make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
        make("table", {}, make("thead", {}, cells("th", head)), make("tbody", {}, body.map(row => cells("td", row)))))));
  }

  const trusted = ({ log2, relative, known }) => (known ? `${power(log2)} ${log2 === -Infinity ? "exactly" : share(relative)}`
    : "not resolved: too few walks come back");

  function drawVariance({ rounds, walks, log2, relative, zero, known, mean }) {
    const moved = [...log2.keys()].filter(k => !zero[k]), clear = moved.filter(k => known[k]);
    said.textContent = `Mean over ${log2.length.toLocaleString("en")} angles: ${trusted(mean)} (one standard error), in the squared unit of the observable per `
      + `squared radian. ${walks.toLocaleString("en")} walks, ${rounds} of 32 rounds. Exactly zero: ${(log2.length - moved.length).toLocaleString("en")} angles; `
      + `not resolved: ${(moved.length - clear.length).toLocaleString("en")}.`;
    const group = Math.ceil(clear.length / 300), points = [];
    for (let at = 0; at < clear.length; at += group) {
      const some = clear.slice(at, at + group), top = Math.max(...some.map(k => log2[k]));
      points.push([some[0], top + Math.log2(some.reduce((sum, k) => sum + 2 ** (log2[k] - top), 0) / some.length),
        group === 1 ? relative[some[0]] * 1.4427 : 0]);
    }
    picture.replaceChildren(points.length ? plot({ series: [{ points, dots: true, line: false }], width: width(), yLabel: "log₂ of the gradient variance",
      xLabel: group > 1 ? `angle (each dot the mean of ${group})` : "angle, counted from 0", alt: `base-2 logarithm of the gradient variance of ${clear.length} angles` }) : "");
    listed("Numbers", ["angle", "variance", "standard error"], [...log2.keys()].slice(0, 200).map(k =>
      [String(k), known[k] ? power(log2[k]) : "not resolved", zero[k] ? "exact" : share(relative[k])]));
  }

  function drawScaling(found) {
    const clear = found.filter(one => one.known && one.log2 > -Infinity), last = found.at(-1);
    said.textContent = `${last.n} qubits: ${trusted(last)} (one standard error), the mean over all angles, in the squared unit of the observable.`;
    picture.replaceChildren(plot({ series: [{ points: clear.map(one => [one.n, one.log2, one.relative * 1.4427]), dots: true }], width: width(),
      xLabel: "qubits", yLabel: "log₂ of the mean gradient variance", alt: `base-2 logarithm of the mean gradient variance, ${clear.map(one => `${one.n} qubits ${number(one.log2)}`).join(", ")}` }));
    listed("Numbers", ["qubits", "mean variance"], found.map(one => [String(one.n), trusted(one)]));
  }

  function drawTraining(curves, { runs, steps, stage1, shots }) {
    const average = values => values.reduce((a, b) => a + b, 0) / values.length;
    const full = [...curves].map(([method, curve]) => [method, curve.filter(values => values.length === runs)]);
    const series = full.map(([method, curve]) => ({ points: curve.map((values, step) => [step, average(values)]), tone: Object.keys(METHODS).indexOf(method) }));
    const at = Math.min(...series.map(one => one.points.length)) - 1;
    if (at < 0) return;
    said.textContent = `Step ${at} of ${steps}; the exact expectation of the observable, mean of ${runs} runs${shots ? `, trained with ${shots} shots a term` : ""}. `
      + "The upright line is where Algorithm 1 goes from Stage 1 to Stage 2.";
    const legend = make("p", { class: "legend" }, full.map(([method], s) =>
      make("span", { class: `tone-${series[s].tone}` }, make("i", {}), `${METHODS[method]}: ${number(series[s].points[at][1])}`)));
    picture.replaceChildren(plot({ series, marks: curves.has("two-stage") && stage1 < steps ? [stage1] : [], xRange: [0, steps], width: width(),
      xLabel: "step", yLabel: "expectation of the observable", alt: `${METHODS[full[0][0]]} and others in training, ${at} steps` }), legend);
    listed("Numbers", ["method", "mean at this step", "each run"], full.map(([method, curve]) =>
      [METHODS[method], number(average(curve[at]), 5), curve[at].map(v => number(v, 4)).join(", ")]));
  }

  addEventListener("hashchange", () => { if (location.hash !== link.hash && restore()) compute(); });
  addEventListener("pagehide", stop);
  refresh();
  if (restore()) compute();
};

/* Set up what a page embeds. */
for (const root of document.querySelectorAll(".qbp-live[data-figure]:not([data-ready])")) {
  root.dataset.ready = "";
  root.replaceChildren();  // what is shown without scripts
  ({ plateau: qbpPlateau, "try-it": qbpTryIt })[root.dataset.figure]?.(root);
}

/* The form of the page try-it: choose or paste a circuit, choose what to compute, press Compute.

   To embed it: <div class="qbp-live" data-figure="try-it"></div>.  The state of the form is in the link, behind "#", so
   that a teacher can send one; a link that has a state computes at once.  An explorer with `compute=` has a button
   that embeds the answer without the form. */
"use strict";

const qbpForm = (() => {
  const own = s => s.circuit === "ansatz", pasted = s => s.circuit === "qasm";
  const walked = s => s.what === "variance" || s.what === "scaling";
  const training = s => s.what === "training", mapped = s => s.what === "landscape";
  const rotations = ["ry,rz", "ry", "rx,ry", "rx,rz", "rx,ry,rz", "rz,ry", "rx"];
  const program = "OPENQASM 3.0;\ninclude \"stdgates.inc\";\ninput float a;\ninput float b;\nqubit[2] q;\n"
    + "ry(a) q[0];\nh q[1];\ncx q[0], q[1];\nrz(2 * b) q[1];\nrx(pi / 2) q[1];";

  /* name: [label, start, choices or [lowest, highest] or null for text, when it is shown] */
  const FIELDS = {
    what: ["Compute", "variance", {
      variance: "gradient variance, angle by angle", scaling: "gradient variance against qubits",
      training: "training, five ways", landscape: "landscape over two angles" }],
    circuit: ["Circuit", "ansatz", { ansatz: "the book's ansatz", qasm: "pasted, OpenQASM 2 or 3" },
      s => s.what === "variance" || mapped(s)],
    n: ["Qubits", "6", [1, 1000], own],
    layers: ["Layers", "4", [1, 1000], own],
    rotations: ["Rotations", "ry,rz", Object.fromEntries(rotations.map(v => [v, v.replaceAll(",", ", ")])), own],
    entangler: ["Entangler", "cz", { cz: "CZ", cnot: "CNOT" }, own],
    topology: ["Pairs", "ladder", { ladder: "ladder", ring: "ring", brick: "brick" }, own],
    qasm: ["Program", program, null, pasted],
    observable: ["Observable", "zz", {
      zz: "Z0 Z1", local: "local cost", global: "projector on 0…0", tfim: "Ising chain", heisenberg: "Heisenberg chain",
      own: "typed below" }],
    own: ["Pauli sum", "Z0 Z1 + 0.5 X0", null, s => s.observable === "own"],
    walks: ["Walks", "131072", { 16384: "16,384", 131072: "131,072", 1048576: "1,048,576" }, walked],
    methods: ["Methods", Object.keys(qbpMethods).join(","), qbpMethods, training],
    runs: ["Runs of each", "3", [1, 20], training],
    steps: ["Steps", "200", [1, 5000], training],
    stage1: ["of these Stage 1", "60", [0, 5000], training],
    rate: ["Step size of Adam", "0.1", [0, 10], training],
    pull: ["Eq. 1 asks for", "X", { X: "⟨X⟩ = 1", Y: "⟨Y⟩ = 1", Z: "⟨Z⟩ = 1" }, training],
    shots: ["Shots", "0", { 0: "none: exact", 10: "10", 100: "100", 1000: "1,000" }, training],
    i: ["First angle", "0", [0, 200000], mapped],
    j: ["Second angle", "1", [0, 200000], mapped],
    seed: ["Seed", "0", [0, 999999]],
  };
  const WIDE = ["what", "circuit", "qasm", "own"], SIMULATED = 10;

  const { make } = qbpDraw;

  function field(name, choices) {
    if (choices === null) return name === "qasm" ? make("textarea", { rows: 11, spellcheck: "false" })
      : make("input", { type: "text", spellcheck: "false" });
    if (!Array.isArray(choices)) {
      return make("select", {}, Object.entries(choices).map(([value, text]) => make("option", { value }, text)));
    }
    const [min, max] = choices;
    return make("input", { type: "number", min, max, step: name === "rate" ? "any" : 1, required: true });
  }

  /* Boxes to tick, which read and write their state as one text, "a,b". */
  function boxes(label, choices) {
    const all = Object.entries(choices).map(([value, text]) => ({ text, box: make("input", { type: "checkbox", value }) }));
    const input = {
      get value() { return all.filter(({ box }) => box.checked).map(({ box }) => box.value).join(","); },
      set value(text) { all.forEach(({ box }) => { box.checked = text.split(",").includes(box.value); }); },
    };
    const row = make("fieldset", {}, make("legend", {}, label),
      all.map(({ text, box }) => make("label", {}, box, make("span", {}, text))));
    return { input, row };
  }

  /* The fields in `form`, each with its start; {read, write, refresh}. */
  return function fields(form) {
    const inputs = {}, rows = {};
    for (const [name, [label, start, choices]] of Object.entries(FIELDS)) {
      if (name === "methods") ({ input: inputs[name], row: rows[name] } = boxes(label, choices));
      else {
        inputs[name] = field(name, choices);
        rows[name] = make("label", { class: WIDE.includes(name) ? "wide" : null }, make("span", {}, label), inputs[name]);
      }
      inputs[name].value = start;
      form.append(rows[name]);
    }

    const read = () => Object.fromEntries(Object.entries(inputs).map(([name, input]) => [name, input.value]));

    /* Show what matters; return the state, and the text of it in a link: what is shown and differs from its start. */
    function refresh() {
      const now = read(), kept = new URLSearchParams();
      if (!FIELDS.circuit[3](now)) now.circuit = "ansatz";
      for (const [name, [, start, , when]] of Object.entries(FIELDS)) {
        rows[name].hidden = Boolean(when) && !when(now);
        if (rows[name].hidden && inputs[name].validity?.valid === false) inputs[name].value = start;  // else it blocks
        if (!rows[name].hidden && (now[name] !== start || name === "what")) kept.set(name, now[name]);
      }
      inputs.n.max = training(now) || mapped(now) ? SIMULATED : FIELDS.n[2][1];
      return { now, text: String(kept) };
    }

    /* Whether the text is a state; what it leaves out is as at the start, and an unknown choice is the first one. */
    function write(text) {
      const given = new URLSearchParams(text);
      if (!given.has("what")) return false;
      for (const [name, [, start]] of Object.entries(FIELDS)) {
        inputs[name].value = given.get(name) ?? start;
        if (inputs[name].selectedIndex < 0) inputs[name].value = start;
      }
      return true;
    }

    return { refresh, write };
  };
})();

const qbpTryIt = (root, given = null) => {  // `given`: a state, in place of the link and of the form
  const { make } = qbpDraw;
  const form = make("form", { submit: event => { event.preventDefault(); compute(); }, input: refresh });
  const said = make("p", { class: "said", role: "status" }), picture = make("div", { class: "pictures" });
  const table = make("div"), link = make("a", { href: "#" }, given === null ? "Link to this setting" : "Change this setting");
  const stopButton = make("button", { type: "button", hidden: true, click: stop }, "Stop");
  const fields = qbpForm(form);
  if (given !== null) form.replaceChildren();
  form.append(make("div", { class: "controls wide" },
    given === null ? make("button", { type: "submit", class: "go" }, "Compute") : null, stopButton, link));
  root.append(form, said, picture, table);
  const results = qbpResults(said, picture, table, () => Math.max(270, root.clientWidth - 26));
  let job = null;

  function refresh() {
    const { now, text } = fields.refresh();
    link.href = `${given === null ? "" : "try-it.html"}#${text}`;
    return now;
  }

  function idle() {
    stopButton.hidden = true;
    root.removeAttribute("aria-busy");
  }

  function stop() {
    job?.stop();
    job = null;
    idle();
  }

  /* Start a task; `onParts` gets all parts so far, each time that some come. */
  async function ask(task, options, onParts = () => {}) {
    const all = [], mine = qbpLive.start(task, options, parts => {
      all.push(...parts);
      if (job === mine) onParts(all);
    });
    job = mine;
    return await mine.result ?? all;
  }

  async function compute() {
    if (!form.reportValidity()) return;
    stop();
    const now = refresh();
    if (given === null && location.hash !== link.hash) location.replace(link.hash);
    for (const part of [picture, table]) part.replaceChildren();
    said.textContent = "Computing …";
    stopButton.hidden = false;
    root.setAttribute("aria-busy", "true");
    try {
      await tasks[now.what](now);
    } catch (error) {
      said.textContent = `This cannot be computed here: ${error.message}.`;
    }
    idle();
  }

  const numbers = (now, names) => Object.fromEntries(names.map(name => [name, Number(now[name])]));

  function asked(now) {
    const { rotations, entangler, topology } = now;
    return {
      circuit: now.circuit === "qasm" ? { qasm: now.qasm } : { ...numbers(now, ["n", "layers"]), rotations, entangler, topology },
      observable: now.observable === "own" ? now.own : now.observable, seed: Number(now.seed),
    };
  }

  const tasks = {
    async variance(now) {
      await ask("variance", { ...asked(now), walks: Number(now.walks) }, parts => results.variance(parts.at(-1)));
    },
    /* Two qubits, three, ... ten, fifteen, ... up to n. */
    async scaling(now) {
      const most = Math.max(2, Number(now.n)), sizes = [], found = [];
      for (let n = 2; n < most; n = n < 10 ? n + 1 : Math.round(1.5 * n)) sizes.push(n);
      for (const n of [...sizes, most]) {
        const parts = await ask("variance", { ...asked({ ...now, n }), walks: Number(now.walks) });
        found.push({ n, ...parts.at(-1).mean });
        results.scaling(found);
      }
    },
    async training(now) {
      const options = { ...asked(now), ...numbers(now, ["runs", "steps", "stage1", "rate", "shots"]) };
      const methods = now.methods.split(",").filter(method => method in qbpMethods);
      if (!methods.length) throw new Error("choose a method");
      const curves = new Map(methods.map(method => [method, []]));
      let seen = 0;
      await ask("train", { ...options, methods, pull: { pauli: now.pull, target: 1 } }, parts => {
        for (; seen < parts.length; seen++) {
          const { method, run, step, energy } = parts[seen];
          (curves.get(method)[step] ??= [])[run] = energy;
        }
        results.training(curves, options);
      });
    },
    async landscape(now) {
      const found = await ask("landscape", { ...asked(now), ...numbers(now, ["i", "j"]), points: 41 });
      results.landscape(found, now.i, now.j, now.circuit === "qasm" ? "the numbers of the program, or 0 for an input"
        : `random ones of seed ${now.seed}`);
    },
  };

  const restore = text => {
    const known = fields.write(text);
    refresh();
    if (known) compute();
  };
  if (given === null) {
    addEventListener("hashchange", () => { if (location.hash !== link.hash) restore(location.hash.slice(1)); });
  }
  addEventListener("pagehide", stop);
  restore(given ?? location.hash.slice(1));
  return stop;
};

/* The button of an explorer (`compute` of qbp.book.explorer): what its frame asks for, computed below it.  A frame that
   is chosen afterwards takes the answer away. */
const qbpCompute = root => {
  const explorer = root.closest(".qbp-explorer"), states = JSON.parse(root.dataset.states);
  const frames = [...explorer.querySelectorAll("img")], box = qbpDraw.make("div");
  let end = () => {};
  const clear = () => {
    end();
    box.replaceChildren();
  };
  const click = () => {
    clear();
    end = qbpTryIt(box, states[frames.findIndex(frame => !frame.hidden)]);
  };
  root.append(qbpDraw.make("button", { type: "button", click }, "Compute here"), box);
  explorer.querySelector(".sliders").addEventListener("input", clear);
  root.hidden = false;
};

/* Set up what a page embeds, in place of what it says without scripts. */
for (const root of document.querySelectorAll(".qbp-live[data-figure]:not([data-ready])")) {
  root.dataset.ready = "";
  root.replaceChildren();
  ({ plateau: qbpPlateau, "try-it": qbpTryIt, compute: qbpCompute })[root.dataset.figure]?.(root);
}

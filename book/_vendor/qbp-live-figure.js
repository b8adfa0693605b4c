/* A plateau appearing as qubits are added, computed while one looks.

   To embed it: <div class="qbp-live" data-figure="plateau"></div> (the Sphinx extension then adds the scripts).
   Left the cost <Z_0 Z_1> over two angles of a random circuit of 3 n layers, at the same scale for every n; right the
   gradient variance by Pauli walks.  It plays once, unless the reader's system asks for less motion. */
"use strict";

const qbpPlateau = root => {
  const { make, number, power, plot, surface } = qbpDraw;
  const SIZES = [2, 3, 4, 5, 6, 7, 8, 9, 10], POINTS = 17, PAUSE = 900;
  const known = new Map();  // qubits: {grid, log2, relative}
  let playing = false, jobs = [];

  const slider = make("input", { type: "range", min: 0, max: SIZES.length - 1, value: 0, input: chosen });
  const button = make("button", { type: "button", click: () => (playing ? pause() : play()) });
  const pictures = make("div", { class: "pictures" }), said = make("p", { class: "said" });
  const label = make("label", {}, make("span", {}, "qubits"), slider);
  root.append(make("div", { class: "controls" }, button, label), said, pictures);

  const ask = async (task, options) => {
    let last = null;
    const job = qbpLive.start(task, options, parts => { last = parts.at(-1); });
    jobs.push(job);
    return await job.result ?? last;
  };

  async function compute(n) {
    if (known.has(n)) return;
    const layers = 3 * n, circuit = { n, layers, topology: "ring" };
    const middle = 2 * n * Math.floor(layers / 2);  // the first angle of the middle layer, of ry and rz on each qubit
    const angles = { i: middle, j: middle + 2, points: POINTS, seed: 3 };
    const { grid } = await ask("landscape", { circuit, observable: "zz", ...angles });
    const { mean } = await ask("variance", { circuit, observable: "zz", walks: 1 << 14, seed: 1 });
    known.set(n, { grid, ...mean });
  }

  /* The numbers of the shown size; sizes that are not known yet are computed first. */
  async function show() {
    const n = SIZES[slider.value];
    slider.setAttribute("aria-valuetext", `${n} qubits`);
    try {
      await compute(n);
    } catch (error) {
      said.textContent = error.message;
      return;
    }
    if (SIZES[slider.value] === n) draw(n);
  }

  function draw(n) {
    const { grid, log2 } = known.get(n), sizes = SIZES.filter(size => known.has(size));
    const room = root.clientWidth - 26, width = room > 560 ? Math.min(420, room / 2 - 12) : Math.min(420, room);
    const high = Math.max(...grid) - Math.min(...grid);
    const points = sizes.map(size => [size, known.get(size).log2]);
    const left = surface({
      points: POINTS, grid, width, scale: 1.2,
      alt: `the cost over two angles, ${n} qubits: from valley to peak ${number(high)}`,
    });
    const right = plot({
      series: [{ points, dots: true }, { points: [[n, log2]], dots: true, tone: 1 }],
      xLabel: "qubits", yLabel: "log₂ of the gradient variance", xRange: [1.5, 10.5], yRange: [-14, 0],
      width, height: Math.max(220, width * 0.62),
      alt: `base-2 logarithm of the gradient variance: ${points.map(([q, bits]) => `${q} qubits ${number(bits)}`).join(", ")}`,
    });
    said.textContent = `${n} qubits: over these two angles the cost changes by ${number(high)}; the mean gradient variance `
      + `is ${power(log2)}.`;
    pictures.replaceChildren(
      make("figure", {}, left, make("figcaption", {}, "the cost over two angles, same scale for all")),
      make("figure", {}, right, make("figcaption", {}, "the gradient falls with every qubit")));
  }

  function chosen() {
    pause();
    show();
  }

  function pause() {
    playing = false;
    button.textContent = "Play";
  }

  async function play() {
    playing = true;
    button.textContent = "Pause";
    if (Number(slider.value) === SIZES.length - 1) slider.value = 0;
    for (await show(); playing && Number(slider.value) < SIZES.length - 1; await show()) {
      await new Promise(resolve => setTimeout(resolve, PAUSE));
      if (playing) slider.value = Number(slider.value) + 1;
    }
    pause();
  }

  addEventListener("resize", () => { if (known.has(SIZES[slider.value])) draw(SIZES[slider.value]); });
  addEventListener("pagehide", () => jobs.forEach(job => job.stop()));
  pause();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) show();
  else play();
};

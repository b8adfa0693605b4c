/* Training before one's eyes: Algorithm 1 of the paper, and four other ways to begin, on the states of qbp-live.js.

   `qbpTraining` stands in one function, so that its text can be handed to a worker (see qbp-live.js).  The update is
   Adam with the package's constants; with shots, gradients come from parameter shifts. */
"use strict";

const qbpTraining = function (engine, read) {
  const { compile, measured, masks, run, turn, apply, angleOf, copy, values, weigh, adjoint } = engine.states;

  /* Means of `shots` outcomes of each term, measured by itself; exact where shots is 0. */
  function shotMeans(terms, psi, shots, rng) {
    return values(terms, psi).map((exact, t) => {
      if (!shots) return exact;
      const likely = terms[t].projector ? exact : (1 + exact) / 2;
      let hits = 0;
      for (let i = 0; i < shots; i++) hits += rng.uniform() < likely;
      return terms[t].projector ? hits / shots : 2 * hits / shots - 1;
    });
  }

  /* The same gradient as `adjoint`, from parameter shifts, each shifted circuit measured with shots of its own. */
  function shiftedGradient(compiled, theta, terms, weights, shots, rng) {
    const gradient = new Float64Array(compiled.size), before = run({ ...compiled, gates: [] }, theta);
    compiled.gates.forEach((gate, g) => {
      if (gate.k >= 0) {
        const [up, down] = [1, -1].map(side => {
          const psi = copy(before);
          turn(psi, gate.mask, angleOf(gate, theta) + side * Math.PI / 2);
          const means = shotMeans(terms, run(compiled, theta, g + 1, psi), shots, rng);
          return means.reduce((sum, mean, t) => sum + weights[t] * mean, 0);
        });
        gradient[gate.k] += gate.scale * (up - down) / 2;
      }
      apply(gate, before, theta);
    });
    return gradient;
  }

  function adam(size, rate) {
    const mean = new Float64Array(size), square = new Float64Array(size), count = new Float64Array(size);
    return (theta, gradient, free) => theta.map((v, k) => {
      if (!free(k)) return v;
      count[k]++;
      mean[k] += 0.1 * (gradient[k] - mean[k]);
      square[k] += 0.001 * (gradient[k] ** 2 - square[k]);
      const root = Math.sqrt(square[k] / (1 - 0.999 ** count[k])) + 1e-8;
      return v - rate / (1 - 0.9 ** count[k]) * mean[k] / root;
    });
  }

  /* Where and how each method begins.  Only the two-stage method has a first stage (eq. 1) and the terms of eq. 4. */
  const METHODS = {
    "two-stage": { label: "Algorithm 1 (two stages)", start: uniformStart },
    random: { label: "random start", start: uniformStart },
    small: { label: "small angles", start: ({ size }, rng) => Float64Array.from({ length: size }, () => 0.1 * rng.normal()) },
    identity: { label: "identity blocks", mirrored: true, start: identityStart },
    layerwise: { label: "layer by layer", layerwise: true, start: circuit => new Float64Array(circuit.size) },
  };

  function uniformStart({ size }, rng) {
    return Float64Array.from({ length: size }, () => 2 * Math.PI * rng.uniform());
  }

  /* Each second layer undoes the one before it: the same angles backwards, negative (of a mirrored circuit). */
  function identityStart(circuit, rng, perLayer) {
    const theta = uniformStart(circuit, rng);
    for (let k = 0; k < theta.length; k++) {
      const layer = Math.floor(k / perLayer);
      if (layer % 2) theta[k] = -theta[(layer - 1) * perLayer + perLayer - 1 - k % perLayer];
    }
    return theta;
  }

  /* Train one circuit; yields {step, energy, convex, stage} with exact values before every update, and theta at last.
     `shape` are the arguments of hardwareEfficient; `theta0` replaces the method's start; eq. 1 asks every <pauli_q>
     of `pull` to be its `target`.  Lines and equations are those of qbp/algorithm_1.py. */
  function* train({ shape, H, method, theta0, seed = 0, steps = 300, stage1 = 100, rate = 0.1, shots = 0,
    pull = { pauli: "X", target: 1 }, lam0 = 0.9, beta0 = 0.05, lamDecay = 0.98, betaDecay = 0.99, omega = 4 }) {
    const plan = METHODS[method], rng = engine.random(seed);
    const circuit = read.hardwareEfficient({ ...shape, mirrored: plan.mirrored });
    const compiled = compile(circuit), perLayer = circuit.size / shape.layers, update = adam(circuit.size, rate);
    const task = measured(H), two = method === "two-stage";
    const pulled = q => ({ c: 0, ...masks(shape.n, { pauli: pull.pauli, on: [q] }) });
    const local = two ? Array.from({ length: shape.n }, (_, q) => pulled(q)) : [];
    const terms = [...task, ...local];
    let theta = Float64Array.from(theta0 ?? plan.start(circuit, rng, perLayer)), lam = lam0, beta = beta0;
    for (let step = 0; ; step++) {
      const psi = run(compiled, theta), exact = values(terms, psi), first = two && step < stage1;
      const gaps = exact.slice(task.length).map(v => v - pull.target);
      yield { step, energy: weigh(task, exact), convex: gaps.reduce((sum, v) => sum + v * v, 0), stage: first ? 1 : 2 };
      if (step === steps) return theta;
      const blend = two ? (first ? 1 : lam) : 0;  // eq. 4: (1 - lam) <H> + lam L_convex + beta R_osc
      const seen = shots && two ? shotMeans(local, psi, shots, rng).map(v => v - pull.target) : gaps;
      const weights = [...task.map(t => (1 - blend) * t.c), ...seen.map(v => 2 * blend * v)];
      const gradient = shots ? shiftedGradient(compiled, theta, terms, weights, shots, rng)
        : adjoint(compiled, theta, terms, weights, psi);
      if (two && !first) {
        theta.forEach((v, k) => { gradient[k] += beta * omega * Math.cos(omega * v) / theta.length; });  // eq. 5
        lam *= lamDecay;  // eq. 6
        beta *= betaDecay;  // eq. 7
      }
      const layer = Math.floor(step / (steps / 2) * shape.layers);  // layer by layer in the first half, then all
      theta = update(theta, gradient, k => !plan.layerwise || step >= steps / 2 || Math.floor(k / perLayer) === layer);
    }
  }

  return { train, shotMeans, shiftedGradient, METHODS };
};

if (typeof module !== "undefined") module.exports = { qbpTraining };

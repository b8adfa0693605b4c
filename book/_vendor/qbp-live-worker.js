/* The worker in which the page computes: tasks by name, and `qbpLive.start`, which is all that a page calls.

   The worker is made from a Blob of the texts of the other modules: that works from a file, where a worker may load
   no script, and the page never freezes.  A task is ended by ending its worker. */
"use strict";

/* The tasks of a worker.  Options name a circuit, {qasm: text} or the arguments of the book's ansatz, and an
   observable as text.  A task is a generator; what it yields is sent in batches, what it returns at the end. */
const qbpTasks = function (engine, read, training) {
  const built = ({ circuit, observable, ...rest }) => {
    const found = circuit.qasm === undefined ? read.hardwareEfficient(circuit) : read.readQasm(circuit.qasm);
    return { ...rest, circuit: found, H: read.observable(observable, found.n) };
  };
  /* Angles that are not given: those that the circuit came with, or random ones. */
  const filled = options => {
    const { circuit, theta, seed = 0 } = options, rng = engine.random(seed);
    const drawn = () => Array.from({ length: circuit.size }, () => 2 * Math.PI * rng.uniform());
    return { ...options, theta: theta ?? circuit.theta ?? drawn() };
  };
  return {
    *describe(options) {
      const { circuit, H } = built(options);
      return { n: circuit.n, size: circuit.size, gates: circuit.gates.length, terms: H.projector ? 1 : H.terms.length };
    },
    *variance(options) { yield* engine.variance(built(options)); },
    *values(options) { return engine.valueAndGradient(filled(built(options))); },
    *landscape(options) { return engine.landscape(filled(built(options))); },
    /* All methods and runs in step, so that the curves grow side by side. */
    *train({ circuit, observable, methods, runs = 1, seed = 0, ...rest }) {
      const H = read.observable(observable, circuit.n);
      const all = methods.flatMap(method => Array.from({ length: runs }, (_, run) => ({
        method, run, steps: training.train({ ...rest, shape: circuit, H, method, seed: seed + run }) })));
      for (let left = true; left;) {
        for (const { method, run, steps } of all) {
          const { done, value } = steps.next();
          if (done) left = false;
          else yield { method, run, ...value };
        }
      }
    },
  };
};

/* What runs in the worker: one task, whose parts are sent ten times a second. */
const qbpServe = function (tasks) {
  onmessage = ({ data: { task, options } }) => {
    let parts = [], last = performance.now();
    try {
      for (const steps = tasks[task](options); ;) {
        const { done, value } = steps.next();
        if (!done) parts.push(value);
        if (done || performance.now() - last > 100) {
          postMessage(done ? { parts, done, value } : { parts });
          [parts, last] = [[], performance.now()];
        }
        if (done) return;
      }
    } catch (error) {
      postMessage({ error: error.message });
    }
  };
};

/* `start(task, options, onParts)` gives {result, stop}: a promise of what the task returns, and a way to end it. */
const qbpLive = {
  start(task, options, onParts = () => {}) {
    const source = `"use strict"; const read = (${qbpRead})(), engine = (${qbpEngine})(read);
      (${qbpServe})((${qbpTasks})(engine, read, (${qbpTraining})(engine, read)));`;
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    const worker = new Worker(address);
    const result = new Promise((resolve, reject) => {
      worker.onerror = event => reject(new Error(event.message));
      worker.onmessage = ({ data: { parts, done, value, error } }) => {
        if (error === undefined && parts.length) onParts(parts);
        if (error !== undefined) reject(new Error(error));
        if (done) resolve(value);
        if (done || error !== undefined) this.end(worker, address);
      };
      worker.postMessage({ task, options });
    });
    return { result, stop: () => this.end(worker, address) };
  },
  end(worker, address) {
    worker.terminate();
    URL.revokeObjectURL(address);
  },
};

if (typeof module !== "undefined") module.exports = { qbpTasks };

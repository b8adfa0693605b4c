/* qbp-live: the book computes in the page itself: no kernel, no library, no request.

   Three engines, the same mathematics as the Python package, tested against it (tests/book/test_live.py):
   (a) Pauli walks, 32 strings in each machine word: the variance of every entry of a gradient over uniform angles,
       with its standard error, at up to 1,000 qubits (qbp/plateaus/pauli: cone, exact front, resampling);
   (b) state vectors of up to 10 qubits with adjoint gradients, on which qbp-live-train.js trains;
   (c) the landscape over any two angles.

   `qbpEngine` computes on circuits and observables from qbp-live-read.js.  It stands in one function, so that its text
   can be handed to a worker: see qbp-live-worker.js, whose `qbpLive.start` is what a page calls. */
"use strict";

const qbpEngine = function (read) {
  const MOST_QUBITS = 10;  // of a state vector
  const { quarters } = read;
  const fail = text => { throw new Error(text); };

  // ------------------------------------------------------------------------------------------ random numbers

  /* Small fast counter (sfc32): `word` is 32 bits, `uniform` lies in [0, 1), `normal` has variance 1. */
  function random(seed) {
    let a = seed | 0, b = 0x9e3779b9 | 0, c = 0x243f6a88, count = 1;
    const word = () => {
      const out = ((a + b | 0) + count) | 0;
      count = count + 1 | 0;
      a = b ^ (b >>> 9);
      b = c + (c << 3) | 0;
      c = ((c << 21) | (c >>> 11)) + out | 0;
      return out;
    };
    for (let i = 0; i < 20; i++) word();
    const uniform = () => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
    const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
    return { word, uniform, normal };
  }

  // ------------------------------------------------------------------------------- (a) Pauli walks: the strings
  // String number 32 w + b is bit b of word w: row q of `x` says which strings have an X part (X or Y) on qubit q,
  // row q of `z` which have a Z part.  Multiplying strings is XOR; signs matter for cross terms alone.

  const SHRINK = Math.log2(3) / 2;  // log2 by which a letter lowers what its walk may give (qbp.plateaus.pauli)
  const table = (n, W) => ({ W, x: new Uint32Array(n * W), z: new Uint32Array(n * W) });
  const partX = p => p !== "Z", partZ = p => p !== "X";

  function eachBit(words, from, W, visit) {
    for (let w = 0; w < W; w++) {
      for (let word = words[from + w]; word; word &= word - 1) visit(32 * w + 31 - Math.clz32(word & -word));
    }
  }

  function put(strings, number, term) {
    const { W, x, z } = strings, w = number >>> 5, bit = 1 << (number & 31);
    term.on.forEach((q, i) => {
      if (partX(term.pauli[i])) x[q * W + w] |= bit;
      if (partZ(term.pauli[i])) z[q * W + w] |= bit;
    });
  }

  /* Which strings anticommute with the generator of a rotation: bits into `out`; whether there are any. */
  function meets(gate, strings, out) {
    const { W, x, z } = strings;
    out.fill(0);
    gate.on.forEach((q, i) => {
      if (partZ(gate.pauli[i])) for (let w = 0; w < W; w++) out[w] ^= x[q * W + w];
      if (partX(gate.pauli[i])) for (let w = 0; w < W; w++) out[w] ^= z[q * W + w];
    });
    return out.some(word => word !== 0);
  }

  function multiply(gate, strings, which) {
    const { W, x, z } = strings;
    gate.on.forEach((q, i) => {
      if (partX(gate.pauli[i])) for (let w = 0; w < W; w++) x[q * W + w] ^= which[w];
      if (partZ(gate.pauli[i])) for (let w = 0; w < W; w++) z[q * W + w] ^= which[w];
    });
  }

  /* Back through an entangler: X parts go from control to target, Z parts the other way; CZ makes Z of X. */
  function pull({ kind, on: [a, b] }, { W, x, z }) {
    for (let w = 0, i = a * W, j = b * W; w < W; w++, i++, j++) {
      if (kind === "cz") {
        z[i] ^= x[j];
        z[j] ^= x[i];
      } else {
        x[j] ^= x[i];
        z[i] ^= z[j];
      }
    }
  }

  const isClifford = gate => gate.k < 0;
  const turnsLetter = gate => quarters(gate.offset) % 2 === 1;

  /* Carry strings back as if there were no free rotations; `visit` gets the rows of what anticommutes: those of
     the free rotations, and last of each qubit's Z, since in |0...0> a string of X or Y there has no expectation. */
  function carry({ n, gates }, strings, visit) {
    const out = new Uint32Array(strings.W);
    for (let g = gates.length - 1; g >= 0; g--) {
      const gate = gates[g];
      if (gate.kind) pull(gate, strings);
      else if (isClifford(gate)) {
        if (turnsLetter(gate) && meets(gate, strings, out)) multiply(gate, strings, out);
      } else if (meets(gate, strings, out)) visit(out, gate);
    }
    for (let q = 0; q < n; q++) {
      out.set(strings.x.subarray(q * strings.W, (q + 1) * strings.W));
      visit(out, null);
    }
  }

  /* The expectation, 1 or -1, of the product of two terms carried back: i^power times X^x Z^z, qubit by qubit. */
  function signOf({ n, gates }, ...terms) {
    const x = new Uint8Array(n), z = new Uint8Array(n);
    let power = 0;
    const times = (on, pauli) => on.forEach((q, i) => {  // from the right
      const px = +partX(pauli[i]), pz = +partZ(pauli[i]);
      power += px * pz + 2 * z[q] * px;
      x[q] ^= px;
      z[q] ^= pz;
    });
    terms.forEach(term => times(term.on, term.pauli));
    for (let g = gates.length - 1; g >= 0; g--) {
      const gate = gates[g], [a, b] = gate.on;
      if (gate.kind === "cz") {
        power += 2 * x[a] * x[b];
        z[a] ^= x[b];
        z[b] ^= x[a];
      } else if (gate.kind) {
        x[b] ^= x[a];
        z[a] ^= z[b];
      } else if (isClifford(gate)) {
        const at = (q, p) => (x[q] & partZ(p)) ^ (z[q] & partX(p));
        const odd = gate.on.reduce((sum, q, i) => sum ^ at(q, gate.pauli[i]), 0);
        const turns = odd ? quarters(gate.offset) : 0;  // Q to Q, QP / i, -Q, i QP
        if (turns % 2) times(gate.on, gate.pauli);
        power += [0, 3, 2, 1][turns];
      }
    }
    return [1, 0, -1, 0][power % 4];
  }

  /* Families: strings with the same syndrome have a cross term.  In |0...0> they have the same squared expectation
     and fixed relative signs, so that a family walks as one string of weight (sum of signed coefficients)^2. */
  function families(circuit, terms) {
    const strings = table(circuit.n, Math.ceil(terms.length / 32)), rng = random(1);
    terms.forEach((term, t) => put(strings, t, term));
    const low = new Int32Array(terms.length), high = new Int32Array(terms.length), met = new Uint8Array(terms.length);
    carry(circuit, strings, (row, gate) => {
      const a = rng.word(), b = rng.word();  // a random sum of the syndrome's bits stands for all of it
      eachBit(row, 0, strings.W, t => {
        low[t] ^= a;
        high[t] ^= b;
        if (gate) met[t] = 1;
      });
    });
    const groups = new Map();
    terms.forEach((term, t) => {
      if (met[t]) groups.set(`${low[t]},${high[t]}`, [...(groups.get(`${low[t]},${high[t]}`) ?? []), term]);
    });
    return [...groups.values()].map(members => {
      const [first, ...others] = members;
      const sum = others.reduce((all, term) => all + term.c * signOf(circuit, first, term), first.c);
      return { first, weight: sum * sum };
    }).filter(family => family.weight);
  }

  /* The projector is 2^-n times the sum of all Z strings.  Those that no rotation meets are a group of 2^d strings;
     its cosets are the families.  log2 of the weight of a walk that begins with a Z string drawn uniformly. */
  function projectorWeight(circuit) {
    const { n } = circuit, W = Math.ceil(n / 32), strings = table(n, W), basis = new Uint32Array(n * W);
    for (let q = 0; q < n; q++) basis[q * W + (q >>> 5)] = strings.z[q * W + (q >>> 5)] = 1 << (q & 31);
    carry(circuit, strings, odd => {
      const w = odd.findIndex(word => word !== 0), bit = odd[w] & -odd[w];
      for (const rows of w < 0 ? [] : [strings.x, strings.z, basis]) {  // odd ones times the first, which goes
        for (let i = w; i < rows.length; i += W) {
          if (rows[i] & bit) for (let j = 0; j < W; j++) rows[i - w + j] ^= odd[j];
        }
      }
    });
    const left = new Map();
    for (let q = 0; q < n; q++) eachBit(basis, q * W, W, s => left.set(s, [...(left.get(s) ?? []), q]));
    const real = [...left.values()].every(on => signOf(circuit, { on, pauli: "Z".repeat(on.length) }) === 1);
    return real ? left.size - n : -Infinity;
  }

  // ----------------------------------------------------------------------------------- (a) Pauli walks: the walks

  const LETTER = { X: 1, Z: 2, Y: 3 };  // x + 2 z, and 0 for I: the product of two letters is their XOR

  function checkWalkable({ gates, size }) {
    if (!size) fail("the circuit has no angle to vary");
    const seen = new Uint8Array(size);
    for (const { kind, k, scale, offset } of gates) {
      if (kind) continue;
      if (k < 0 && quarters(offset) === null) fail("walks need fixed rotations by multiples of pi/2 alone (no T)");
      if (k >= 0 && seen[k]++) fail("walks need an angle for each rotation: one angle is in two of them");
      if (k >= 0 && (!scale || scale % 1)) fail("walks need angles scaled by whole numbers other than 0");
    }
  }

  /* Rotations that come first on their qubit are averaged exactly: behind them a qubit gives a factor that depends
     on its letter alone, and each of these rotations has a share of it, where the letter anticommutes with it. */
  function splitFront({ n, gates }) {
    const closed = new Uint8Array(n), body = [];
    const front = Array.from({ length: n }, () => ({ factor: [1, 0, 1, 0], shares: [] }));  // <S>^2 of I, X, Z, Y
    for (const gate of gates) {
      if (gate.kind || gate.on.length > 1 || closed[gate.on[0]]) {
        for (const q of gate.on) closed[q] = 1;
        body.push(gate);
        continue;
      }
      const here = front[gate.on[0]], axis = LETTER[gate.pauli];
      const odd = letter => letter && letter !== axis;
      const turn = isClifford(gate)
        ? row => row.map((v, s) => (odd(s) && turnsLetter(gate) ? row[s ^ axis] : v))
        : row => row.map((v, s) => (odd(s) ? (v + row[s ^ axis]) / 2 : v));
      if (!isClifford(gate)) here.shares.push({ k: gate.k, share: here.factor.map((v, s) => (odd(s) ? v : 0)) });
      here.factor = turn(here.factor);
      for (const one of here.shares) one.share = turn(one.share);
    }
    return { body, front };
  }

  /* The gates that walks may meet, last one first; which angles they may reach, the others being exactly zero; and the
     qubits that they can reach, by which the gates are renumbered: 1,000 qubits cost what the cone costs. */
  function lightCone({ n, size }, body, front, terms) {
    const x = new Uint8Array(n), z = new Uint8Array(n), active = [], reach = new Uint8Array(size);
    const join = ({ on, pauli }) => on.forEach((q, i) => {
      x[q] |= partX(pauli[i]);
      z[q] |= partZ(pauli[i]);
    });
    const acts = ({ on, pauli }) => on.some((q, i) => (x[q] && partZ(pauli[i])) || (z[q] && partX(pauli[i])));
    terms.forEach(join);
    for (let g = body.length - 1; g >= 0; g--) {
      const gate = body[g], [a, b] = gate.on;
      if (gate.kind === "cz" && (x[a] || x[b])) {
        z[a] |= x[b];
        z[b] |= x[a];
      } else if (gate.kind === "cnot" && (x[a] || z[b])) {
        x[b] |= x[a];
        z[a] |= z[b];
      } else if (!gate.kind && acts(gate)) {
        if (isClifford(gate) && !turnsLetter(gate)) continue;
        if (!isClifford(gate)) reach[gate.k] = 1;
        join(gate);
      } else continue;
      active.push(gate);
    }
    front.forEach(({ shares }, q) => shares.forEach(({ k, share }) => {
      if ((x[q] && share[1]) || (z[q] && share[2]) || (x[q] && z[q] && share[3])) reach[k] = 1;
    }));
    const qubits = [...x.keys()].filter(q => x[q] || z[q]), number = new Map(qubits.map((q, i) => [q, i]));
    const inside = gate => ({ ...gate, on: gate.on.map(q => number.get(q)) });
    return { active: active.map(inside), reach, qubits, inside };
  }

  function prepareWalks(circuit, H) {
    checkWalkable(circuit);
    const { n, size } = circuit, { body, front } = splitFront(circuit);
    const found = H.projector ? [] : families(circuit, H.terms);
    const ends = [];  // of the families, one behind the other, on [0, total)
    const total = found.reduce((sum, family) => (ends.push(sum + family.weight), sum + family.weight), 0);
    const log2Weight = H.projector ? projectorWeight(circuit) : Math.log2(total);
    const zStrings = () => Array.from({ length: n }, (_, q) => ({ on: [q], pauli: "Z" }));
    const letters = H.projector ? zStrings() : found.map(family => family.first);
    const firsts = log2Weight > -Infinity ? letters : [];
    const { active, reach, qubits, inside } = lightCone(circuit, body, front, firsts);
    const bits = new Float64Array(size);  // log2 of the squared scale of each angle
    for (const gate of circuit.gates) if (gate.k >= 0) bits[gate.k] = 2 * Math.log2(Math.abs(gate.scale));
    return {
      n: qubits.length, size, firsts: firsts.map(inside), ends, total, drawn: Boolean(H.projector), log2Weight, active,
      front: qubits.map(q => front[q]), reach, bits,
    };
  }

  /* The strings of the observable, in proportion to their weights; of a projector Z or I on each qubit, Z less often
     than I, with what makes up for it in the logarithms returned. */
  function begin({ n, firsts, ends, total, drawn }, strings, rng) {
    const walks = 32 * strings.W, logs = new Float64Array(walks);
    if (!firsts.length) return logs.fill(-Infinity);  // no string meets a rotation
    if (drawn) {
      const odds = 2 ** -SHRINK, likely = odds / (1 + odds);
      logs.fill(n * Math.log2((1 + odds) / 2));
      for (let q = 0; q < n; q++) for (let s = 0; s < walks; s++) if (rng.uniform() < likely) {
        put(strings, s, firsts[q]);
        logs[s] += SHRINK;
      }
      return logs;
    }
    for (let s = 0, f = 0, shift = rng.uniform(); s < walks; s++) {  // systematic: evenly spaced from one draw
      while (f < ends.length - 1 && ends[f] <= (s + shift) / walks * total) f++;
      put(strings, s, firsts[f]);
    }
    return logs;
  }

  /* Where what walks may give has become unequal, copy them in proportion to it and reweight: sequential Monte
     Carlo, unbiased.  Returns the parent of each copy, or null where all stay as they are. */
  function resample(strings, logs, rng) {
    const { W, x, z } = strings, walks = 32 * W, letters = new Float64Array(walks), either = new Uint32Array(W);
    for (let i = 0; i < x.length; i += W) {
      for (let w = 0; w < W; w++) either[w] = x[i + w] | z[i + w];
      eachBit(either, 0, W, s => { letters[s] += SHRINK; });
    }
    const score = logs.map((v, s) => v - letters[s]), top = score.reduce((a, b) => Math.max(a, b), -Infinity);
    if (top === -Infinity) return null;
    const share = score.map(v => 2 ** (v - top)), sum = share.reduce((a, b) => a + b, 0);
    if (sum * sum > 0.5 * walks * share.reduce((a, v) => a + v * v, 0)) return null;
    const parents = new Uint32Array(walks), first = new Uint32Array(walks + 1);  // copies of p: first[p] to first[p+1]
    for (let s = 0, p = 0, end = share[0], shift = rng.uniform(); s < walks; s++) {
      while (p < walks - 1 && end <= (s + shift) / walks * sum) end += share[++p];
      parents[s] = p;
      first[p + 1]++;
    }
    for (let p = 0; p < walks; p++) first[p + 1] += first[p];
    for (const rows of [x, z]) {
      for (let i = 0; i < rows.length; i += W) {
        const old = rows.slice(i, i + W);
        rows.fill(0, i, i + W);
        eachBit(old, 0, W, p => {
          for (let s = first[p]; s < first[p + 1]; s++) rows[i + (s >>> 5)] |= 1 << (s & 31);
        });
      }
    }
    logs.set(Array.from(parents, p => top + Math.log2(sum / walks) + letters[p]));
    return parents;
  }

  /* One population of walks from the observable back to the first rotations.  Returns log2 of the largest weight and,
     in units of it, the sum of the weights that each angle met, and of all. */
  function walkRound(problem, W, rng) {
    const strings = table(problem.n, W), logs = begin(problem, strings, rng), out = new Uint32Array(W), trail = [];
    let grown = false;
    for (const gate of problem.active) {
      if (gate.kind) {
        pull(gate, strings);
        grown = true;
        continue;
      }
      if (isClifford(gate)) {
        if (turnsLetter(gate) && meets(gate, strings, out)) multiply(gate, strings, out);
        continue;
      }
      const parents = grown ? resample(strings, logs, rng) : null;
      if (parents) trail.push({ parents });
      grown = gate.on.length > 1;
      if (!meets(gate, strings, out)) continue;
      trail.push({ k: gate.k, acts: out.slice() });
      for (let w = 0; w < W; w++) if (out[w]) out[w] &= rng.word();  // each string that can turns with probability 1/2
      multiply(gate, strings, out);
    }
    return gather(problem, strings, logs, trail);
  }

  function gather({ n, size, front }, { W, x, z }, logs, trail) {
    const row = new Uint32Array(W), sums = new Float64Array(size);
    const letters = (q, visit) => {
      for (let w = 0; w < W; w++) row[w] = x[q * W + w] | z[q * W + w];
      eachBit(row, 0, W, s => {
        const i = q * W + (s >>> 5), b = s & 31;
        visit(s, ((x[i] >>> b) & 1) + 2 * ((z[i] >>> b) & 1));
      });
    };
    front.forEach(({ factor }, q) => {
      const bits = factor.map(Math.log2);
      letters(q, (s, letter) => { logs[s] += bits[letter]; });
    });
    const top = logs.reduce((a, b) => Math.max(a, b), -Infinity);
    if (top === -Infinity) return { top, sums, all: 0 };
    let weights = logs.map(v => 2 ** (v - top));
    for (let q = 0; q < n; q++) {
      const here = [0, 0, 0, 0], { factor, shares } = front[q];
      if (shares.length) letters(q, (s, letter) => { here[letter] += weights[s]; });
      for (const { k, share } of shares) {
        for (let s = 1; s < 4; s++) if (factor[s]) sums[k] += here[s] * share[s] / factor[s];
      }
    }
    for (const { k, acts, parents } of trail.reverse()) {
      if (parents) {  // the weights of the copies go to their parent
        const before = new Float64Array(weights.length);
        weights.forEach((v, s) => { before[parents[s]] += v; });
        weights = before;
      } else eachBit(acts, 0, W, s => { sums[k] += weights[s]; });
    }
    return { top, sums, all: weights.reduce((a, b) => a + b, 0) };
  }

  /* Gradient variance, better with every round: independent populations, whose spread is the standard error.
     Yields {rounds, walks, log2, relative, zero, known, mean: {log2, relative, known}}: base-2 logarithms of the
     variances, relative standard errors, which are exactly 0, and which can be trusted: as `gradient_variance`,
     where the error is below 1/20, or below 1/2 while that of the cost's second moment is below 1/20. */
  function* variance({ circuit, H, rounds = 32, walks = 1 << 17, seed = 0 }) {
    const problem = prepareWalks(circuit, H), { size, reach, bits } = problem, rng = random(seed);
    const turns = problem.active.filter(gate => gate.k >= 0).length;
    const most = Math.floor((1 << (problem.drawn ? 20 : 22)) / (turns + 4 * problem.n + 1));  // words: 16 MiB a round
    const W = Math.max(4, Math.min(Math.ceil(walks / 32 / rounds), most));
    const one = new Float64Array(size + 2), two = new Float64Array(size + 2);  // entries, their sum, the second moment
    let base = null;
    for (let done = 1; done <= rounds; done++) {
      const { top, sums, all } = walkRound(problem, W, rng);
      if (top > -Infinity) {
        base ??= top;
        const unit = 2 ** (top - base) / (32 * W), scaled = sums.map((v, k) => v * unit * 2 ** bits[k]);
        const add = (i, v) => { one[i] += v; two[i] += v * v; };
        scaled.forEach((v, k) => add(k, v));
        add(size, scaled.reduce((a, b) => a + b, 0));
        add(size + 1, all * unit);
      }
      yield summary(one, two, done, done * 32 * W, (base ?? 0) + problem.log2Weight, reach);
    }
  }

  function summary(one, two, rounds, walks, bits, reach) {
    const size = reach.length;
    const log2 = one.map(v => Math.log2(v / rounds) + (v ? bits : 0));
    const spread = (v, i) => Math.sqrt(Math.max(0, two[i] * rounds / (v * v) - 1) / (rounds - 1));
    const relative = one.map((v, i) => (v && rounds > 1 ? spread(v, i) : Infinity));
    const close = i => relative[i] < 0.05 || (relative[i] < 0.5 && relative[size + 1] < 0.05);
    const zero = reach.map(v => 1 - v), none = zero.every(v => v);
    const known = reach.map((v, i) => +(!v || close(i)));
    const meanError = none ? 0 : relative[size];
    const mean = { log2: log2[size] - Math.log2(size), relative: meanError, known: none || close(size) };
    return { rounds, walks, log2: log2.slice(0, size), relative: relative.slice(0, size), zero, known, mean };
  }

  // -------------------------------------------------------------------------------------------- (b) state vectors

  const PARITY = Uint8Array.from({ length: 1 << MOST_QUBITS }, (_, j) => {
    let odd = 0;
    for (let rest = j; rest; rest &= rest - 1) odd ^= 1;
    return odd;
  });

  /* A Pauli string as P|j> = i^y (-1)^parity(j & z) |j ^ x>. */
  function masks(n, { pauli, on }) {
    const found = { x: 0, z: 0, y: 0 };
    on.forEach((q, i) => {
      const bit = 1 << (n - 1 - q);  // qubit 0 is the most significant
      if (partX(pauli[i])) found.x |= bit;
      if (partZ(pauli[i])) found.z |= bit;
      found.y += +(pauli[i] === "Y");
    });
    return found;
  }

  const zeros = n => ({ re: new Float64Array(1 << n), im: new Float64Array(1 << n) });
  const copy = ({ re, im }) => ({ re: re.slice(), im: im.slice() });

  /* exp(-i angle P / 2): each pair of amplitudes that P exchanges, or each alone where P is diagonal. */
  function turn({ re, im }, { x, z, y }, angle) {
    const c = Math.cos(angle / 2), s = Math.sin(angle / 2);
    const ur = [0, s, 0, -s][y % 4], ui = [-s, 0, s, 0][y % 4];  // -i s i^y
    const high = x && 1 << (31 - Math.clz32(x));
    for (let j = 0; j < re.length; j++) {
      if (j & high) continue;
      const k = j ^ x, a = re[j], b = im[j], d = re[k], e = im[k];
      const sj = PARITY[j & z] ? -1 : 1, sk = PARITY[k & z] ? -1 : 1;
      re[j] = c * a + sk * (ur * d - ui * e);
      im[j] = c * b + sk * (ur * e + ui * d);
      if (x) {
        re[k] = c * d + sj * (ur * a - ui * b);
        im[k] = c * e + sj * (ur * b + ui * a);
      }
    }
  }

  function entangle({ re, im }, kind, control, target) {
    for (let j = 0; j < re.length; j++) {
      if (!(j & control) || !(j & target)) continue;
      const k = kind === "cz" ? j : j ^ target, sign = kind === "cz" ? -1 : 1, a = re[j], b = im[j];
      re[j] = sign * re[k];
      im[j] = sign * im[k];
      if (k !== j) { re[k] = a; im[k] = b; }
    }
  }

  /* The gates of a circuit with their masks, ready to be applied. */
  function compile(circuit) {
    const { n } = circuit;
    if (n > MOST_QUBITS) fail(`state vectors serve at most ${MOST_QUBITS} qubits here, got ${n}`);
    const bit = q => 1 << (n - 1 - q);
    return { ...circuit, gates: circuit.gates.map(gate => (gate.kind
      ? { kind: gate.kind, a: bit(gate.on[0]), b: bit(gate.on[1]) } : { ...gate, mask: masks(n, gate) })) };
  }

  const angleOf = ({ k, scale, offset }, theta) => offset + (k < 0 ? 0 : scale * theta[k]);

  function apply(gate, psi, theta, direction = 1) {
    if (gate.kind) entangle(psi, gate.kind, gate.a, gate.b);
    else turn(psi, gate.mask, direction * angleOf(gate, theta));
  }

  function run(compiled, theta, from = 0, psi = null) {
    if (!psi) (psi = zeros(compiled.n)).re[0] = 1;
    for (let g = from; g < compiled.gates.length; g++) apply(compiled.gates[g], psi, theta);
    return psi;
  }

  /* Terms of a sum with their masks; the projector is a term of its own kind. */
  const measured = H => (H.projector ? [{ c: 1, projector: true }] : H.terms.map(t => ({ c: t.c, ...masks(H.n, t) })));

  /* <bra| P |ket>, its real and imaginary part. */
  function overlap(bra, { projector, x, z, y }, ket) {
    let real = 0, imaginary = 0;
    for (let j = 0; j < (projector ? 1 : ket.re.length); j++) {
      const k = projector ? j : j ^ x, sign = PARITY[j & z] ? -1 : 1;
      real += sign * (bra.re[k] * ket.re[j] + bra.im[k] * ket.im[j]);
      imaginary += sign * (bra.re[k] * ket.im[j] - bra.im[k] * ket.re[j]);
    }
    return [[real, imaginary], [-imaginary, real], [-real, -imaginary], [imaginary, -real]][(y ?? 0) % 4];
  }

  const values = (terms, psi) => terms.map(term => overlap(psi, term, psi)[0]);
  const weigh = (terms, found) => terms.reduce((sum, term, t) => sum + term.c * found[t], 0);

  /* The gradient of sum_t weights[t] <P_t>: carry psi and sum_t weights[t] P_t psi back, gate by gate. */
  function adjoint(compiled, theta, terms, weights, psi) {
    const ket = copy(psi), bra = zeros(compiled.n), gradient = new Float64Array(compiled.size);
    terms.forEach(({ projector, x, z, y }, t) => {
      const wr = weights[t] * [1, 0, -1, 0][(y ?? 0) % 4], wi = weights[t] * [0, 1, 0, -1][(y ?? 0) % 4];
      for (let j = 0; weights[t] && j < (projector ? 1 : ket.re.length); j++) {
        const k = projector ? j : j ^ x, sign = PARITY[j & z] ? -1 : 1;
        bra.re[k] += sign * (wr * ket.re[j] - wi * ket.im[j]);
        bra.im[k] += sign * (wr * ket.im[j] + wi * ket.re[j]);
      }
    });
    for (let g = compiled.gates.length - 1; g >= 0; g--) {
      const gate = compiled.gates[g];
      if (gate.k >= 0) gradient[gate.k] += gate.scale * overlap(bra, gate.mask, ket)[1];
      apply(gate, ket, theta, -1);
      apply(gate, bra, theta, -1);
    }
    return gradient;
  }

  function valueAndGradient({ circuit, H, theta }) {
    const compiled = compile(circuit), terms = measured(H), psi = run(compiled, theta);
    const gradient = adjoint(compiled, theta, terms, terms.map(term => term.c), psi);
    return { value: weigh(terms, values(terms, psi)), gradient };
  }

  // ------------------------------------------------------------------------------------------- (c) the landscape

  /* In one angle a cost is a trigonometric polynomial; its degree is what the angle is scaled by in all its gates. */
  function degree({ gates }, k) {
    const scales = gates.filter(gate => gate.k === k).map(gate => Math.abs(gate.scale));
    return scales.every(Number.isInteger) ? scales.reduce((a, b) => a + b, 0) : null;
  }

  /* Values over two angles i and j, both from -pi to pi around theta, row by row of j from below.  2 degree + 1 values
     along each angle say all of it: nine states of the book's circuits give every point exactly. */
  function landscape({ circuit, H, theta, i, j, points = 33 }) {
    const compiled = compile(circuit), terms = measured(H), { size } = circuit;
    if (!(i >= 0 && j >= 0 && i < size && j < size && i !== j)) fail(`two different angles of 0 to ${size - 1} are needed`);
    const shifts = Array.from({ length: points }, (_, s) => 2 * Math.PI * s / (points - 1) - Math.PI);
    const axis = k => {
      const d = degree(circuit, k), nodes = Array.from({ length: 2 * d + 1 }, (_, m) => 2 * Math.PI * m / (2 * d + 1));
      if (d === null || nodes.length > points) {  // no polynomial of that degree: every point by itself
        return { nodes: shifts, weights: shifts.map((_, a) => shifts.map((_, b) => +(a === b))) };
      }
      const kernel = t => nodes.reduce((sum, _, m) => sum + Math.cos((m - d) * t), 0) / (2 * d + 1);
      return { nodes, weights: shifts.map(t => nodes.map(node => kernel(t - node))) };
    };
    const [first, second] = [axis(i), axis(j)];
    const known = second.nodes.map(b => first.nodes.map(a => {
      const at = Float64Array.from(theta);
      at[i] += a;
      at[j] += b;
      return weigh(terms, values(terms, run(compiled, at)));
    }));
    const rows = known.map(row => first.weights.map(w => w.reduce((sum, v, m) => sum + v * row[m], 0)));
    const point = (w, a) => w.reduce((sum, v, m) => sum + v * rows[m][a], 0);
    return { points, grid: second.weights.flatMap(w => shifts.map((_, a) => point(w, a))) };
  }

  return {
    random, variance, valueAndGradient, landscape,
    states: { compile, measured, masks, run, turn, apply, angleOf, copy, values, weigh, adjoint },
  };
};

if (typeof module !== "undefined") module.exports = { qbpEngine };

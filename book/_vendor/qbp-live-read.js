/* What is computed on in the page: the book's circuits, observables typed as text, circuits pasted as OpenQASM.

   `qbpRead` stands in one function, so that its text can be handed to a worker (see qbp-live.js).  Conventions are
   the package's: qubit 0 first, angles laid out (layer, qubit, rotation), a rotation is exp(-i theta P / 2).
   What cannot be read throws an Error whose message says where and why; it is plain text, to be shown as such. */
"use strict";

const qbpRead = function () {
  const LIMITS = { qubits: 1000, gates: 200000 };
  const HALF = Math.PI / 2;
  const fail = text => { throw new Error(text); };

  /* 0 to 3 where an angle is that many quarter turns (modulo 2 pi), else null. */
  function quarters(angle) {
    const turns = Math.round(angle / HALF);
    return Math.abs(angle - turns * HALF) < 1e-9 * Math.max(1, Math.abs(turns)) ? ((turns % 4) + 4) % 4 : null;
  }

  // ------------------------------------------------------------------------------------------------ circuits
  // A gate is a rotation {pauli, on, k, scale, offset}, by scale * theta[k] + offset (k = -1: fixed), or an
  // entangler {kind, on}.  A circuit is {n, gates, size, theta}: `size` angles, `theta` those a file wrote down.

  const rotation = (pauli, on, k, scale = 1, offset = 0) => ({ pauli, on, k, scale, offset });

  function pairs(n, topology) {
    const ladder = Array.from({ length: n - 1 }, (_, q) => [q, q + 1]);
    if (n <= 2 || topology === "ladder") return ladder;
    if (topology === "ring") return [...ladder, [n - 1, 0]];
    if (topology === "brick") return [...ladder.filter(p => p[0] % 2 === 0), ...ladder.filter(p => p[0] % 2)];
    return fail(`topology must be ladder, ring or brick, got ${topology}`);
  }

  /* The book's ansatz.  With `mirrored`, each second layer is the one before it backwards: identity blocks. */
  function hardwareEfficient({ n, layers, rotations = "ry,rz", entangler = "cz", topology = "ladder", mirrored }) {
    const letters = rotations.split(",").map(name => name.trim().slice(1).toUpperCase());
    if (!letters.every(p => "XYZ".includes(p) && p)) fail(`rotations must be among rx, ry, rz, got ${rotations}`);
    if (!["cz", "cnot"].includes(entangler)) fail(`entangler must be cz or cnot, got ${entangler}`);
    if (!(n >= 1 && n <= LIMITS.qubits && layers >= 1)) fail(`1 to ${LIMITS.qubits} qubits and at least one layer are needed`);
    if (n * layers * (letters.length + 1) > LIMITS.gates) fail(`at most ${LIMITS.gates} gates are computed here`);
    const links = pairs(n, topology).map(on => ({ kind: entangler, on }));
    const gates = [];
    let k = 0;
    for (let layer = 0; layer < layers; layer++) {
      const turns = [];
      for (let q = 0; q < n; q++) for (const p of letters) turns.push(rotation(p, [q], k++));
      const back = mirrored && layer % 2;
      gates.push(...(back ? [...links].reverse().concat(turns.map((gate, i) =>
        rotation(turns[turns.length - 1 - i].pauli, turns[turns.length - 1 - i].on, gate.k))) : turns.concat(links)));
    }
    return { n, gates, size: k, theta: null };
  }

  // --------------------------------------------------------------------------------------------- observables
  // A sum is {n, terms: [{pauli, on, c}]}; the projector on |0...0> is {n, projector: true}.

  function observable(text, n) {
    const z = (...on) => ({ pauli: "Z".repeat(on.length), on, c: 1 });
    const bonds = Array.from({ length: n - 1 }, (_, q) => [q, q + 1]);
    const alike = (p, c) => bonds.map(on => ({ pauli: p + p, on, c }));
    const named = {
      zz: () => [z(...(n > 1 ? [0, 1] : [0]))],
      local: () => [{ pauli: "", on: [], c: 0.5 }, ...Array.from({ length: n }, (_, q) => ({ ...z(q), c: -0.5 / n }))],
      tfim: () => [...alike("Z", -1), ...Array.from({ length: n }, (_, q) => ({ pauli: "X", on: [q], c: -1 }))],
      heisenberg: () => ["X", "Y", "Z"].flatMap(p => alike(p, 1)),
    };
    const key = text.trim();
    if (key === "global") return { n, projector: true };
    return { n, terms: collect(named[key] ? named[key]() : pauliSum(key, n)) };
  }

  /* Read "-1.5 Z0 Z1 + 0.5*X2" or "ZZI - 0.5 IXI". */
  function pauliSum(text, n) {
    const exponent = (_, digit, sign) => digit + (sign === "-" ? "n" : "e");  // else "1e-3" were split at its minus
    const marked = text.replace(/\*/g, " ").replace(/(\d\.?)e([+-]?)(?=\d)/gi, exponent);
    return (marked.trim() || "?").match(/[+-]?[^+-]+|[+-]/g).filter(piece => piece.trim()).map(piece => {
      const [, sign, number, rest] = piece.trim().match(/^([+-]?)\s*((?:\d+\.?\d*|\.\d+)(?:[en]\d+)?)?\s*(.*)$/);
      if (number === undefined && !rest) fail(`a term is missing after "${sign}"`);
      const c = (sign === "-" ? -1 : 1) * (number === undefined ? 1 : Number(number.replace("n", "e-")));
      if (/^[IXYZ]+$/.test(rest) && rest.length === n) {
        const on = [...rest].flatMap((p, q) => (p === "I" ? [] : [q]));
        return { pauli: on.map(q => rest[q]).join(""), on, c };
      }
      const factors = rest.split(/\s+/).filter(Boolean).map(word => word.match(/^([IXYZ])(\d+)$/)
        || fail(`"${word}" is no factor like Z0, and no string of ${n} letters IXYZ`));
      const kept = factors.filter(f => f[1] !== "I").map(f => [f[1], Number(f[2])]).sort((a, b) => a[1] - b[1]);
      const on = kept.map(f => f[1]);
      if (on.some(q => q >= n)) fail(`qubit ${Math.max(...on)} is not among 0 to ${n - 1}`);
      if (new Set(on).size < on.length) fail(`"${piece.trim()}" names a qubit twice`);
      return { pauli: kept.map(f => f[0]).join(""), on, c };
    });
  }

  function collect(terms) {
    const found = new Map();
    for (const term of terms) {
      const key = term.on.map((q, i) => term.pauli[i] + q).join(" ");
      found.set(key, { ...term, c: term.c + (found.get(key)?.c ?? 0) });
    }
    return [...found.values()].filter(term => term.c);
  }

  // ------------------------------------------------------------------------------------------------ OpenQASM

  const FIXED = {  // Cliffords (and T) of one qubit as rotations, first to last, up to a phase
    id: [], h: [["Z", 2], ["Y", 1]], s: [["Z", 1]], sdg: [["Z", -1]], x: [["X", 2]], y: [["Y", 2]], z: [["Z", 2]],
    sx: [["X", 1]], sxdg: [["X", -1]], t: [["Z", 0.5]], tdg: [["Z", -0.5]],
  };
  const TURNS = { rx: "X", ry: "Y", rz: "Z", p: "Z", u1: "Z", phase: "Z", rxx: "XX", ryy: "YY", rzz: "ZZ" };
  const LINKS = {
    cx: [["cnot", 0, 1]], CX: [["cnot", 0, 1]], cnot: [["cnot", 0, 1]], cz: [["cz", 0, 1]],
    swap: [["cnot", 0, 1], ["cnot", 1, 0], ["cnot", 0, 1]],
    cy: [["sdg", 1], ["cnot", 0, 1], ["s", 1]],
  };

  /* Read a circuit in OpenQASM 2 or 3: rotations, Cliffords, T; as qbp.interchange does, numbers are angles to be
     varied, but multiples of pi/2 stay fixed.  Where there is an `input`, all numbers stay fixed. */
  function readQasm(text) {
    const plain = text.replace(/\/\/[^\n]*/g, "").replace(/\/\*[^]*?\*\//g, s => s.replace(/[^\n]/g, ""));
    const read = { registers: new Map(), names: new Map(), gates: [], theta: [], n: 0, measured: false, inputs: false };
    read.inputs = /\binput\b/.test(plain);
    let line = 1;
    for (const statement of plain.split(";")) {
      const at = line + (statement.match(/^\s*/)[0].match(/\n/g) ?? []).length;
      line += (statement.match(/\n/g) ?? []).length;
      try {
        if (statement.trim()) readStatement(statement.trim().replace(/\s+/g, " "), read);
      } catch (error) {
        fail(`line ${at}: ${error.message}`);
      }
    }
    if (!read.gates.length) fail("no gate was found: paste a whole program, from OPENQASM on");
    return { n: read.n, gates: read.gates, size: read.theta.length, theta: read.theta };
  }

  function readStatement(text, read) {
    if (/^(OPENQASM [23](\.\d)?|include ".*"|barrier\b.*|creg .*|bit\b.*)$/.test(text)) return;
    let found = text.match(/^qreg (\w+) ?\[ ?(\d+) ?\]$/) ?? text.match(/^qubit(?: ?\[ ?(\d+) ?\])? (\w+)$/);
    if (found) {
      const [name, size] = text.startsWith("qreg") ? [found[1], found[2]] : [found[2], found[1]];
      read.registers.set(name, [read.n, Number(size ?? 1)]);
      read.n += Number(size ?? 1);
      if (read.n > LIMITS.qubits) fail(`at most ${LIMITS.qubits} qubits, got ${read.n}`);
    } else if ((found = text.match(/^input (?:float|angle)(?: ?\[\d+\])? (\w+)$/))) {
      read.names.set(found[1], read.theta.push(0) - 1);
    } else if (/^measure\b|= ?measure\b/.test(text)) {
      read.measured = true;
    } else if ((found = text.match(/^([A-Za-z]\w*) ?(?:\((.*)\))? ?([A-Za-z_].*)$/))) {
      if (read.measured) fail("a gate after a measurement is not read here");
      readGate(found[1], found[2], found[3], read);
    } else fail(`"${text.slice(0, 40)}" is not read here; registers, inputs, rotations and Cliffords are`);
  }

  function readGate(name, inside, operands, read) {
    const wires = operands.split(",").map(word => {
      const [, register, index] = word.trim().match(/^(\w+)(?: ?\[ ?(\d+) ?\])?$/) ?? [];
      const [first, size] = read.registers.get(register) ?? fail(`"${word.trim()}" is no qubit that was declared`);
      if (Number(index) >= size) fail(`${register} has ${size} qubits, got ${word.trim()}`);
      return index === undefined ? Array.from({ length: size }, (_, i) => first + i) : [first + Number(index)];
    });
    const width = Math.max(...wires.map(w => w.length));
    if (wires.some(w => w.length !== 1 && w.length !== width)) fail("registers of different sizes");
    for (let i = 0; i < width; i++) {
      const on = wires.map(w => w[w.length === 1 ? 0 : i]);
      if (new Set(on).size < on.length) fail(`${name} names a qubit twice`);
      addGate(name, (inside ?? "").split(",").filter(s => s.trim()), on, read);
    }
    if (read.gates.length > LIMITS.gates) fail(`at most ${LIMITS.gates} gates are computed here`);
  }

  function addGate(name, angles, on, read) {
    const takes = (count, qubits) => {
      if (angles.length !== count || on.length !== qubits) fail(`${name} takes ${count} angles and ${qubits} qubits`);
    };
    const fixed = (gate, q) => {
      for (const [p, turns] of FIXED[gate]) read.gates.push(rotation(p, [q], -1, 1, turns * HALF));
    };
    const has = (table, key) => Object.hasOwn(table, key);
    const turn = (p, { k, scale, offset }) => read.gates.push(rotation(p, on, k, scale, offset));
    const about = () => {
      const allZero = angles.every(text => linear(text).c === 0);  // a gate that turns by zeros alone is to be trained
      return angles.map(text => angle(text, allZero, read));
    };
    if (has(FIXED, name)) {
      takes(0, 1);
      fixed(name, on[0]);
    } else if (has(TURNS, name)) {
      takes(1, TURNS[name].length);
      turn(TURNS[name], about()[0]);
    } else if (has(LINKS, name)) {
      takes(0, 2);
      for (const [gate, a, b] of LINKS[name]) {
        if (b === undefined) fixed(gate, on[a]);
        else read.gates.push({ kind: gate, on: [on[a], on[b]] });
      }
    } else if (["u", "u3", "U"].includes(name)) {
      takes(3, 1);
      const [theta, phi, lambda] = about();
      turn("Z", lambda);
      turn("Y", theta);
      turn("Z", phi);
    } else fail(`the gate "${name}" is not read here`);
  }

  /* An angle as {k, scale, offset}: an input, a number that stays as it is, or one that becomes an angle to vary. */
  function angle(text, allZero, read) {
    const { c, name, scale } = linear(text);
    if (name !== null) {
      return { k: read.names.get(name) ?? fail(`"${name}" is no input that was declared`), scale, offset: c };
    }
    const stays = read.inputs || (quarters(c) !== null && !allZero);
    return stays ? { k: -1, scale: 1, offset: c } : { k: read.theta.push(c) - 1, scale: 1, offset: 0 };
  }

  /* An angle, linear in one input: "-(a + pi/4) * 2" is {c: -pi/2, name: "a", scale: -2}. */
  function linear(text) {
    const tokens = text.match(/\d+\.?\d*(?:e[+-]?\d+)?|\.\d+(?:e[+-]?\d+)?|[A-Za-zπ_]\w*|\S/gi) ?? [];
    let at = 0;
    const add = (a, b, sign) => {
      if (a.name && b.name && a.name !== b.name) fail(`the angle ${text} has two inputs`);
      return { c: a.c + sign * b.c, name: a.name ?? b.name, scale: a.scale + sign * b.scale };
    };
    const times = (a, f) => ({ c: a.c * f, name: a.name, scale: a.scale * f });
    const atom = () => {
      const token = tokens[at++] ?? fail(`the angle "${text}" ends too early`);
      if (token === "-") return times(atom(), -1);
      if (token === "+") return atom();
      if (token === "(") {
        const inner = sum();
        if (tokens[at++] !== ")") fail(`the angle "${text}" lacks a parenthesis`);
        return inner;
      }
      if (token === "pi" || token === "π") return { c: Math.PI, name: null, scale: 0 };
      if (/^[\d.]/.test(token)) return { c: Number(token), name: null, scale: 0 };
      return /^\w/.test(token) ? { c: 0, name: token, scale: 1 } : fail(`"${token}" in the angle "${text}"`);
    };
    const product = () => {
      let a = atom();
      while (tokens[at] === "*" || tokens[at] === "/") {
        const divides = tokens[at++] === "/", b = atom();
        if (b.name && (a.name || divides)) fail(`the angle "${text}" is not linear`);
        a = divides ? times(a, 1 / b.c) : b.name ? times(b, a.c) : times(a, b.c);
      }
      return a;
    };
    const sum = () => {
      let a = product();
      while (tokens[at] === "+" || tokens[at] === "-") {
        const sign = tokens[at++] === "+" ? 1 : -1;
        a = add(a, product(), sign);
      }
      return a;
    };
    const found = sum();
    if (at < tokens.length || !Number.isFinite(found.c)) fail(`the angle "${text}" is not read here`);
    return found;
  }

  return { hardwareEfficient, observable, readQasm, quarters };
};

if (typeof module !== "undefined") module.exports = { qbpRead };

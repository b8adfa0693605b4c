"""Compiled loops of the native CPU path; a file that a reader may skip.

The rest of the package reads as equations; this file is where the same equations are made fast.  numba
compiles the loops; the innermost blocks are written as vector instructions (LLVM IR), which no optimizing
compiler found from scalar code.  What it computes, in the order it runs:

- A *row* is V complex numbers: V real parts, then V imaginary parts, one vector register each.  In the
  *batch* form a lane is a sample, and row r holds amplitude r of V samples.  In the *single* form one state
  fills the rows, and its last log2(V) qubits are the lanes.  Bits are counted from the least significant:
  lane bits, then row bits.
- The word of rotations of a qubit in a layer is a unit quaternion, and that is a phase on ``|1>``, a real
  rotation RY(c, s) and a phase on ``|1>``: U ~ diag(1, P) RY diag(1, Q), with no trigonometry.
- Forward, a layer is RY on all qubits, one diagonal (P, the signs of the CZs, and the Q of the next layer),
  and for CNOTs a permutation before that Q.
- A term of an observable, g O psi, is a permutation by flips and a table of phases, or a number.
- Backward, psi and lambda = sum g_i O_i psi go back to the start, layer by layer, and leave
  t = Im <lambda| (X, Y, Z) |psi> of every qubit.  Rotated back through the word, it gives each gradient:
  its component along the axis of the rotation (Jones and Gacon 2020).

Inner functions take raw pointers: array arguments would count references and spill registers.
"""

import math
from inspect import Parameter, Signature, signature

import numba
import numpy as np
from llvmlite import binding, ir
from numba import carray, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_FEATURES = (numba.config.CPU_FEATURES or str(binding.get_host_cpu_features().flatten())).split(",")
BYTES = 64 if "+avx512f" in _FEATURES else 32 if "+avx2" in _FEATURES else 16  # of a vector register
TILE_BITS, COLUMNS, CHUNK = 12, 16, 64  # rows of a tile (second-level cache), of a column pass, of `apply`
ALIKE_BITS = 11  # rows of a tile of psi and one of lambda, where all qubits are turned by one angle
COEF = 6  # vectors per qubit and layer: c, s, Re P, Im P, Re Q, Im Q
_SINE = (  # of sin(x) / x^3 and (cos(x) - 1 + x^2 / 2) / x^4 in x^2, up to pi / 4; the highest power first
    1.58969099521155010221e-10, -2.50507602534068634195e-08, 2.75573137070700676789e-06,
    -1.98412698298579493134e-04, 8.33333333332248946124e-03, -1.66666666666666324348e-01,
)  # fmt: skip
_COSINE = (
    -1.13596475577881948265e-11, 2.08757232129817482790e-09, -2.75573143513906633035e-07,
    2.48015872894767294178e-05, -1.38888888888741095749e-03, 4.16666666666666019037e-02,
)  # fmt: skip
LARGEST = 1e6  # angles that the vector functions take; larger ones are reduced before
_CONTRACT = ("contract",)  # a * b + c may round once: what a fused multiply-add does


def lanes(dtype: np.dtype) -> int:
    """Return V, the number of lanes of a vector register."""
    return BYTES // np.dtype(dtype).itemsize


# --- vector instructions ------------------------------------------------------------------------------------


class _Emit:
    """Writes vector instructions; `pointer` (a numba CPointer type) decides between float and double."""

    def __init__(self, builder, pointer):
        self.b = builder
        self.scalar = ir.FloatType() if pointer.dtype == types.float32 else ir.DoubleType()
        self.V = BYTES // (pointer.dtype.bitwidth // 8)
        self.vector = ir.VectorType(self.scalar, self.V)
        self.intp = ir.IntType(64)

    def constant(self, values):
        values = values if isinstance(values, list) else [values] * self.V
        return ir.Constant(self.vector, [float(v) for v in values])

    def at(self, base, index, offset=0):
        """Pointer to vector number `index` (a value) + `offset` (an int) from `base`."""
        element = self.b.mul(index, self.intp(self.V)) if index is not None else self.intp(0)
        element = self.b.add(element, self.intp(offset * self.V)) if offset else element
        return self.b.bitcast(self.b.gep(base, [element]), self.vector.as_pointer())

    def load(self, base, index=None, offset=0):
        return self.b.load(self.at(base, index, offset), align=BYTES // self.V)

    def store(self, value, base, index=None, offset=0):
        self.b.store(value, self.at(base, index, offset), align=BYTES // self.V)

    def row(self, base, row):
        """Load the real and the imaginary parts of a row."""
        first = self.b.mul(row, self.intp(2))
        return [self.load(base, first), self.load(base, first, 1)]

    def put(self, pair, base, row):
        first = self.b.mul(row, self.intp(2))
        self.store(pair[0], base, first)
        self.store(pair[1], base, first, 1)

    def mul(self, a, b):
        return self.b.fmul(a, b, flags=_CONTRACT)

    def add(self, a, b):
        return self.b.fadd(a, b, flags=_CONTRACT)

    def sub(self, a, b):
        return self.b.fsub(a, b, flags=_CONTRACT)

    def cmul(self, a, b):
        """Complex product of two pairs."""
        return [
            self.sub(self.mul(a[0], b[0]), self.mul(a[1], b[1])),
            self.add(self.mul(a[0], b[1]), self.mul(a[1], b[0])),
        ]

    def turn(self, a, b, c, s):
        """Rotate two real vectors: (c a - s b, s a + c b)."""
        return self.sub(self.mul(c, a), self.mul(s, b)), self.add(self.mul(s, a), self.mul(c, b))

    def splat(self, value):
        one = self.b.insert_element(ir.Constant(self.vector, ir.Undefined), value, ir.IntType(32)(0))
        return self.shuffle(one, [0] * self.V)

    def shuffle(self, a, order):
        mask = ir.Constant(ir.VectorType(ir.IntType(32), self.V), order)
        return self.b.shuffle_vector(a, ir.Constant(self.vector, ir.Undefined), mask)

    def swap(self, a, bit):
        """Exchange the lanes that differ in one bit."""
        return self.shuffle(a, [lane ^ (1 << bit) for lane in range(self.V)])

    def permute(self, vectors, mask):
        """Exchange the lanes that differ in the bits of `mask`, a value: one jump for all vectors."""
        ends, after = [], self.b.append_basic_block("permuted")
        unchanged = self.b.append_basic_block("unchanged")
        switch = self.b.switch(mask, unchanged)
        for number in range(self.V):
            block = self.b.append_basic_block(f"by_{number}") if number else unchanged
            if number:
                switch.add_case(self.intp(number), block)
            self.b.position_at_end(block)
            order = [lane ^ number for lane in range(self.V)]
            ends.append((block, [self.shuffle(a, order) if number else a for a in vectors]))
            self.b.branch(after)
        self.b.position_at_end(after)
        moved = []
        for i in range(len(vectors)):
            moved.append(self.b.phi(self.vector))
            for block, values in ends:
                moved[-1].add_incoming(values[i], block)
        return moved

    def bit(self, bit, zero, one):
        """Constant vector: `zero` in lanes where the bit is 0, `one` where it is 1."""
        return self.constant([one if lane >> bit & 1 else zero for lane in range(self.V)])

    def sincos(self, x):
        """Cosine and sine of angles up to 1e6, to the last digit of double precision.

        The angle less k quarter turns, taken in three parts (Cody and Waite 1980), is at most pi / 4, where
        two polynomials give both functions.
        """
        b, single = self.b, self.scalar == ir.FloatType()
        vector = ir.VectorType(ir.DoubleType(), self.V)
        integers = ir.VectorType(self.intp, self.V)

        def constant(value, kind=vector):
            return ir.Constant(kind, [value] * self.V)

        def polynomial(z, coefficients):
            total = constant(coefficients[0])
            for c in coefficients[1:]:
                total = self.add(self.mul(total, z), constant(c))
            return total

        x = b.fpext(x, vector) if single else x
        shift = constant(6755399441055744.0)  # 1.5 * 2^52: what is added to it is rounded to a whole number
        turned = b.fadd(b.fmul(x, constant(0.6366197723675814)), shift)
        k, quarter = b.fsub(turned, shift), b.bitcast(turned, integers)
        for part in (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21):
            x = self.sub(x, self.mul(k, constant(part)))
        z = self.mul(x, x)
        s = polynomial(z, _SINE)
        s = self.add(x, self.mul(self.mul(x, z), s))
        c = polynomial(z, _COSINE)
        c = self.add(self.sub(constant(1.0), self.mul(z, constant(0.5))), self.mul(self.mul(z, z), c))
        odd = b.trunc(quarter, ir.VectorType(ir.IntType(1), self.V))
        c, s = b.select(odd, s, c), b.select(odd, c, s)
        one, sign = constant(1, integers), constant(62, integers)
        results = []
        for value, turn in ((c, b.add(quarter, one)), (s, quarter)):
            flip = b.shl(b.and_(turn, constant(2, integers)), sign)
            value = b.bitcast(b.xor(b.bitcast(value, integers), flip), vector)
            results.append(b.fptrunc(value, self.vector) if single else value)
        return results

    def sqrt(self, a):
        name = f"llvm.sqrt.v{self.V}{'f32' if self.scalar == ir.FloatType() else 'f64'}"
        kind = ir.FunctionType(self.vector, [self.vector])
        return self.b.call(cgutils.get_or_insert_function(self.b.module, kind, name), [a])


def _instruction(emit):
    """Make an intrinsic of `emit(e, *values)`; its first argument is a pointer and decides the precision."""

    def typed(typingctx, pointer, *rest):
        def codegen(context, builder, signature, values):
            emit(_Emit(builder, pointer), *values)
            return context.get_dummy_value()

        arguments = [t if isinstance(t, types.CPointer) else types.intp for t in rest]
        return types.void(pointer, *arguments), codegen

    names = [
        "typingctx",
        *list(signature(emit).parameters)[1:],
    ]  # numba reads the arguments off the signature
    typed.__signature__ = Signature([Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    return intrinsic(typed)


@intrinsic
def _pointer(typingctx, array):
    """Address of the first element of an array."""

    def codegen(context, builder, signature, values):
        return cgutils.create_struct_proxy(array)(context, builder, value=values[0]).data

    return types.CPointer(array.dtype)(array), codegen


@intrinsic
def _offset(typingctx, pointer, elements):
    """Move a pointer on by a number of elements."""

    def codegen(context, builder, signature, values):
        return builder.gep(values[0], [values[1]])

    return pointer(pointer, types.intp), codegen


@intrinsic
def _shift(typingctx, pointer, vectors):
    """Move a pointer on by a number of vectors."""

    def codegen(context, builder, signature, values):
        V = BYTES // (pointer.dtype.bitwidth // 8)
        return builder.gep(values[0], [builder.mul(values[1], ir.IntType(64)(V))])

    return pointer(pointer, types.intp), codegen


@intrinsic
def _parity(typingctx, bits):
    """1 if an odd number of bits is set, else 0."""

    def codegen(context, builder, signature, values):
        return builder.and_(builder.ctpop(values[0]), ir.IntType(64)(1))

    return types.intp(types.intp), codegen


# --- blocks of rotations ------------------------------------------------------------------------------------


def _block(m):
    """RY of m neighbouring row bits on the rows `row`, `row + stride`, ...; `coef` is that of the lowest."""

    def emit(e, psi, coef, row, stride):
        index = [e.b.add(row, e.b.mul(stride, e.intp(j))) for j in range(2**m)]
        rows = [e.row(psi, i) for i in index]
        for bit in range(m):
            c, s = (e.load(coef, None, COEF * bit + i) for i in (0, 1))
            for a in (j for j in range(2**m) if not j >> bit & 1):
                b = a | 1 << bit
                for part in (0, 1):
                    rows[a][part], rows[b][part] = e.turn(rows[a][part], rows[b][part], c, s)
        for i, pair in zip(index, rows, strict=True):
            e.put(pair, psi, i)

    return _instruction(emit)


def _back_block(m, both):
    """Undo :func:`_block` on psi and lambda, after adding Im <lambda|X|psi>, Im <lambda|Y|psi> to `t`.

    The first only if `both`: where each word is RYs, then RZs, no gradient needs it.
    """

    def emit(e, psi, lam, coef, t, row, stride):
        index = [e.b.add(row, e.b.mul(stride, e.intp(j))) for j in range(2**m)]
        p, q = ([e.row(state, i) for i in index] for state in (psi, lam))
        for bit in range(m):
            c, s = (e.load(coef, None, COEF * bit + i) for i in (0, 1))
            x, y = (e.load(t, None, 3 * bit + i) for i in (0, 1))
            for a in (j for j in range(2**m) if not j >> bit & 1):
                b = a | 1 << bit
                # Im(conj(l0) p1 + conj(l1) p0) and Re(conj(l1) p0 - conj(l0) p1)
                if both:
                    x = e.add(x, e.mul(q[a][0], p[b][1]))
                    x = e.sub(x, e.mul(q[a][1], p[b][0]))
                    x = e.add(x, e.mul(q[b][0], p[a][1]))
                    x = e.sub(x, e.mul(q[b][1], p[a][0]))
                y = e.add(y, e.mul(q[b][0], p[a][0]))
                y = e.add(y, e.mul(q[b][1], p[a][1]))
                y = e.sub(y, e.mul(q[a][0], p[b][0]))
                y = e.sub(y, e.mul(q[a][1], p[b][1]))
                for state in (p, q):
                    for part in (0, 1):
                        state[b][part], state[a][part] = e.turn(state[b][part], state[a][part], c, s)
            if both:
                e.store(x, t, None, 3 * bit)
            e.store(y, t, None, 3 * bit + 1)
        for i, u, v in zip(index, p, q, strict=True):
            e.put(u, psi, i)
            e.put(v, lam, i)

    return _instruction(emit)


_block1, _block2, _block3 = _block(1), _block(2), _block(3)
_back1, _back2 = _back_block(1, True), _back_block(2, True)
_back1_y, _back2_y = _back_block(1, False), _back_block(2, False)


@_instruction
def _lane_block(e, psi, coef, row):
    """RY on the lane bits of one row; `s` of a lane bit carries the sign of the lane."""
    re, im = e.row(psi, row)
    for bit in range(e.V.bit_length() - 1):
        c, s = (e.load(coef, None, COEF * bit + i) for i in (0, 1))
        re, im = (e.add(e.mul(c, a), e.mul(s, e.swap(a, bit))) for a in (re, im))
    e.put((re, im), psi, row)


@_instruction
def _lane_back(e, psi, lam, coef, t, row):
    """Undo :func:`_lane_block` on psi and lambda, after adding the X and Y components to `t`."""
    p, q = e.row(psi, row), e.row(lam, row)
    for bit in range(e.V.bit_length() - 1):
        c, s = (e.load(coef, None, COEF * bit + i) for i in (0, 1))
        flipped, moved = [e.swap(a, bit) for a in p], [e.swap(a, bit) for a in q]
        x = e.add(e.load(t, None, 3 * bit), e.mul(q[0], flipped[1]))
        e.store(e.sub(x, e.mul(q[1], flipped[0])), t, None, 3 * bit)
        y = e.add(e.mul(q[0], flipped[0]), e.mul(q[1], flipped[1]))
        y = e.add(e.load(t, None, 3 * bit + 1), e.mul(e.bit(bit, -1, 1), y))
        e.store(y, t, None, 3 * bit + 1)
        p = [e.sub(e.mul(c, a), e.mul(s, b)) for a, b in zip(p, flipped, strict=True)]
        q = [e.sub(e.mul(c, a), e.mul(s, b)) for a, b in zip(q, moved, strict=True)]
    e.put(p, psi, row)
    e.put(q, lam, row)


# --- diagonals ----------------------------------------------------------------------------------------------


def _signed(e, pair, signs, row):
    """Change the sign of the lanes whose bit in signs[row] is set."""
    mask = e.b.load(e.b.gep(signs, [row]))
    mask = e.b.bitcast(e.b.trunc(mask, ir.IntType(e.V)), ir.VectorType(ir.IntType(1), e.V))
    return [e.b.select(mask, e.b.fsub(e.constant(-0.0), a), a) for a in pair]


def _phase(e, high, low, signs, row, bits):
    """The diagonal at a row: one factor for its high bits, one for its low bits, and a sign."""
    mask = e.b.sub(e.b.shl(e.intp(1), bits), e.intp(1))
    factor = e.cmul(e.row(high, e.b.lshr(row, bits)), e.row(low, e.b.and_(row, mask)))
    return _signed(e, factor, signs, row)


@_instruction
def _diagonal(e, psi, high, low, signs, row, bits):
    """Multiply one row of psi by the diagonal."""
    e.put(e.cmul(e.row(psi, row), _phase(e, high, low, signs, row, bits)), psi, row)


def _back_diagonal(m):
    """Undo the diagonal on 2**m neighbouring rows of psi and lambda; fold w = Im(conj(lambda) psi) over them.

    Adds the signed sums over the m bits to the Z components of `t`, and stores the plain sum.
    """

    def emit(e, psi, lam, high, low, t, total, signs, row, bits):
        w = []
        for j in range(2**m):
            r = e.b.add(row, e.intp(j))
            p, q = e.row(psi, r), e.row(lam, r)
            d = _phase(e, high, low, signs, r, bits)
            w.append(e.sub(e.mul(q[0], p[1]), e.mul(q[1], p[0])))
            for pair, state in ((p, psi), (q, lam)):
                back = [e.add(e.mul(d[0], pair[0]), e.mul(d[1], pair[1]))]
                back.append(e.sub(e.mul(d[0], pair[1]), e.mul(d[1], pair[0])))
                e.put(back, state, r)
        for bit in range(m):
            differences = [e.sub(w[2 * j], w[2 * j + 1]) for j in range(len(w) // 2)]
            w = [e.add(w[2 * j], w[2 * j + 1]) for j in range(len(w) // 2)]
            z = e.load(t, None, 3 * bit + 2)
            for d in differences:
                z = e.add(z, d)
            e.store(z, t, None, 3 * bit + 2)
        e.store(w[0], total, e.b.lshr(row, e.intp(m)))

    return _instruction(emit)


_undo0, _undo1, _undo2, _undo3 = (_back_diagonal(m) for m in range(4))


@_instruction
def _fold_z(e, total, t, index, half):
    """total[index] += total[index + half]; their difference goes to the Z component at `t`."""
    a, b = e.load(total, index), e.load(total, e.b.add(index, half))
    e.store(e.add(e.load(t, None, 2), e.sub(a, b)), t, None, 2)
    e.store(e.add(a, b), total, index)


@_instruction
def _lane_fold(e, total, t):
    """The Z components of the lane bits, from the sum over all rows."""
    w = e.load(total)
    for bit in range(e.V.bit_length() - 1):
        e.store(e.add(e.load(t, None, 3 * bit + 2), e.mul(w, e.bit(bit, 1, -1))), t, None, 3 * bit + 2)


@_instruction
def _lane_phases(e, table, factors):
    """table[0] = the product over the lane bits of (1, factor)."""
    total = [e.constant(1), e.constant(0)]
    for bit in range(e.V.bit_length() - 1):
        re, im = e.row(factors, e.intp(bit))
        on, off = e.bit(bit, 0, 1), e.bit(bit, 1, 0)
        total = e.cmul(total, (e.add(e.mul(re, on), off), e.mul(im, on)))
    e.put(total, table, e.intp(0))


@_instruction
def _lane_start(e, table, amplitudes):
    """table[0] = the product over the lane bits of a qubit's two amplitudes, rows 2 bit and 2 bit + 1."""
    total = [e.constant(1), e.constant(0)]
    for bit in range(e.V.bit_length() - 1):
        zero, one = (e.row(amplitudes, e.intp(2 * bit + i)) for i in (0, 1))
        on, off = e.bit(bit, 0, 1), e.bit(bit, 1, 0)
        total = e.cmul(total, [e.add(e.mul(a, off), e.mul(b, on)) for a, b in zip(zero, one, strict=True)])
    e.put(total, table, e.intp(0))


@_instruction
def _one(e, table):
    """table[0] = 1."""
    e.put((e.constant(1), e.constant(0)), table, e.intp(0))


@_instruction
def _scale(e, table, target, factors, source):
    """table[target + source] = table[source] * factors[0]."""
    e.put(e.cmul(e.row(table, source), e.row(factors, e.intp(0))), table, e.b.add(target, source))


@_instruction
def _merge(e, factors, row, P, Q):
    """factors[row] = P Q."""
    e.put(e.cmul(e.row(P, e.intp(0)), e.row(Q, e.intp(0))), factors, row)


@_instruction
def _place(e, target, index, source, from_index):
    """target[index] = source[from_index], vectors."""
    e.store(e.load(source, from_index), target, index)


@_instruction
def _copy(e, target, row, source, from_row):
    """target[row] = source[from_row]."""
    e.put(e.row(source, from_row), target, row)


@_instruction
def _gather(e, target, row, source, place, lanes):
    """Fill a row of `target` lane by lane from `source`; V real parts lie at `place` plus `lanes`, mod 2."""
    found = []
    for lane in range(e.V):
        offset = e.b.sext(e.b.load(e.b.gep(lanes, [e.intp(lane)])), e.intp)
        found.append(e.b.gep(source, [e.b.xor(place, offset)]))
    parts = []
    for part in (0, 1):
        parts.append(ir.Constant(e.vector, ir.Undefined))
        for lane, first in enumerate(found):
            moved = e.b.load(e.b.gep(first, [e.intp(part * e.V)]))
            parts[part] = e.b.insert_element(parts[part], moved, ir.IntType(32)(lane))
    e.put(parts, target, row)


# --- passes: rotations by Pauli strings that flip the same qubits; see qbp/circuits/kernel/passes.py --------


def _turned(e, p, q, c, s, odd):
    """Turn p by the angle of (c, s): c p - i s q, or c p + s q if `odd`."""
    if odd:
        return [e.add(e.mul(c, a), e.mul(s, b)) for a, b in zip(p, q, strict=True)]
    return [e.add(e.mul(c, p[0]), e.mul(s, q[1])), e.sub(e.mul(c, p[1]), e.mul(s, q[0]))]


def _overlap(e, left, right, odd):
    """Im(conj(left) right), or Re of it if `odd`."""
    if odd:
        return e.add(e.mul(left[0], right[0]), e.mul(left[1], right[1]))
    return e.sub(e.mul(left[0], right[1]), e.mul(left[1], right[0]))


def _minus(e, a):
    return e.b.fsub(e.constant(-0.0), a)


def _pass(odd, lanes, rows):
    """Turn a row and its partner, `row ^ flips` (if `rows`) with lanes exchanged by `lane` (if `lanes`)."""

    def emit(e, psi, patterns, pattern, row, flips, lane):
        c, s = e.row(patterns, pattern)
        other = e.b.xor(row, flips)
        p = e.row(psi, row)
        q = e.row(psi, other) if rows else p
        q = e.permute(q, lane) if lanes else q
        e.put(_turned(e, p, q, c, s, odd), psi, row)
        if rows:
            q = _turned(e, q, p, c, _minus(e, s) if odd else s, odd)
            e.put(e.permute(q, lane) if lanes else q, psi, other)

    return _instruction(emit)


def _back_pass(odd, lanes, rows):
    """Undo :func:`_pass` on psi and lambda, after adding the overlaps to the sum of the pattern."""

    def emit(e, psi, lam, patterns, sums, pattern, row, flips, lane):
        c, s = e.row(patterns, pattern)
        s, other = _minus(e, s), e.b.xor(row, flips)
        p, u = e.row(psi, row), e.row(lam, row)
        q, v = (e.row(psi, other), e.row(lam, other)) if rows else (p, u)
        if lanes:
            moved = e.permute([*q, *v], lane)
            q, v = moved[:2], moved[2:]
        total = e.add(e.load(sums, pattern), _overlap(e, u, q, odd))
        if rows:
            total = (e.sub if odd else e.add)(total, _overlap(e, v, p, odd))
        e.store(total, sums, pattern)
        e.put(_turned(e, p, q, c, s, odd), psi, row)
        e.put(_turned(e, u, v, c, s, odd), lam, row)
        if rows:
            back = _minus(e, s) if odd else s
            moved = [*_turned(e, q, p, c, back, odd), *_turned(e, v, u, c, back, odd)]
            moved = e.permute(moved, lane) if lanes else moved
            e.put(moved[:2], psi, other)
            e.put(moved[2:], lam, other)

    return _instruction(emit)


@_instruction
def _pass_phase(e, psi, patterns, pattern, row):
    """Multiply a row by cos - i sin of its pattern."""
    c, s = e.row(patterns, pattern)
    e.put(e.cmul(e.row(psi, row), (c, _minus(e, s))), psi, row)


@_instruction
def _back_phase(e, psi, lam, patterns, sums, pattern, row):
    """Undo :func:`_pass_phase` on psi and lambda, after adding Im(conj(lambda) psi)."""
    factor, p, u = e.row(patterns, pattern), e.row(psi, row), e.row(lam, row)
    e.store(e.add(e.load(sums, pattern), _overlap(e, u, p, False)), sums, pattern)
    e.put(e.cmul(p, factor), psi, row)
    e.put(e.cmul(u, factor), lam, row)


_even, _odd = (_pass(odd, False, True) for odd in (False, True))
_even_lanes, _odd_lanes = (_pass(odd, True, True) for odd in (False, True))
_even_within, _odd_within = (_pass(odd, True, False) for odd in (False, True))
_back_even, _back_odd = (_back_pass(odd, False, True) for odd in (False, True))
_back_even_lanes, _back_odd_lanes = (_back_pass(odd, True, True) for odd in (False, True))
_back_even_within, _back_odd_within = (_back_pass(odd, True, False) for odd in (False, True))


# --- rotations of all qubits by one angle -------------------------------------------------------------------
#
# Two qubits that RY turns by one angle are turned as (d, u) = (p00 - p11, p01 + p10) by twice the angle, and
# p00 + p11 and p01 - p10 stay: with K = s c and T = s / c, p00 loses K (u + T d), p11 gains it, and p01 and
# p10 gain K (d - T u).  That takes half the multiplications of two rotations, and both overlaps with Y
# together are l_u p_d - l_d p_u.  Real and imaginary parts do not mix, so that many rows fit into registers.


def _of_pair(e, p, K, T):
    """Turn four vectors; return them, d and u."""
    d, u = e.sub(p[0], p[3]), e.add(p[1], p[2])
    first, second = e.add(u, e.mul(T, d)), e.sub(d, e.mul(T, u))
    turned = [e.sub(p[0], e.mul(K, first)), *(e.add(a, e.mul(K, second)) for a in p[1:3])]
    return [*turned, e.add(p[3], e.mul(K, first))], d, u


def _of_lanes(e, p, bit, K, square):
    """Turn the lane bits `bit` and the next; return the vector, and what its overlap is taken with."""
    both = e.shuffle(p, [lane ^ (3 << bit) for lane in range(e.V)])
    alike = [-1 if (lane >> bit) % 4 in (0, 3) else 1 for lane in range(e.V)]
    g = e.add(p, e.mul(e.constant(alike), both))
    h = e.swap(g, bit)
    turned = e.add(p, e.mul(e.mul(K, e.bit(bit, -1, 1)), h))
    return e.sub(turned, e.mul(square, g)), h


def _of_both(e, p, q, bit, K, square):
    """Turn a lane bit and the row bit between p and q; return both vectors, and what overlaps are with."""
    sign = e.bit(bit, -1, 1)
    g = e.add(p, e.mul(sign, e.swap(q, bit)))
    h = e.swap(g, bit)
    first = e.sub(e.add(p, e.mul(e.mul(K, sign), h)), e.mul(square, g))
    second = e.add(e.add(q, e.mul(K, g)), e.mul(e.mul(square, sign), h))
    return first, second, g, h


def _lowest(e):
    """Lane bits, and the row bits that :func:`_low` turns with them."""
    lanes = e.V.bit_length() - 1
    return lanes, 3 if lanes % 2 else 2


def _parts(e, state, index, part):
    """Load the real (0) or imaginary (1) parts of some rows."""
    return [e.load(state, e.b.mul(i, e.intp(2)), part) for i in index]


def _put_parts(e, values, state, index, part):
    for value, i in zip(values, index, strict=True):
        e.store(value, state, e.b.mul(i, e.intp(2)), part)


def _turn_low(e, vectors, sets, K, T, square, single, overlap):
    """Turn the lane bits (if `single`) and the lowest row bits of some states' rows; `sets` holds their
    vectors, and `overlap(number, left, right)` is told what adds to each sum.
    """
    lanes, _ = _lowest(e)
    lanes = lanes if single else 0
    for bit in range(0, lanes - 1, 2):
        for r in range(vectors):
            before = [rows[r] for rows in sets]
            found = [_of_lanes(e, a, bit, K, square) for a in before]
            for rows, (turned, _) in zip(sets, found, strict=True):
                rows[r] = turned
            overlap(1 + bit // 2, before[-1], found[0][1])
    if lanes % 2:
        for r in range(0, vectors, 2):
            before = [(rows[r], rows[r + 1]) for rows in sets]
            found = [_of_both(e, *pair, lanes - 1, K, square) for pair in before]
            for rows, (first, second, *_) in zip(sets, found, strict=True):
                rows[r], rows[r + 1] = first, second
            overlap(0, before[-1][1], found[0][2])
            overlap(2, before[-1][0], found[0][3])
    low = lanes % 2
    for r in (j for j in range(vectors) if not j >> low & 3):
        _turn_four(e, [r, r + (1 << low), r + (2 << low), r + (3 << low)], sets, K, T, overlap)


def _turn_four(e, group, sets, K, T, overlap):
    """Turn four vectors of each set by pairs."""
    found = [_of_pair(e, [rows[r] for r in group], K, T) for rows in sets]
    for rows, (turned, *_) in zip(sets, found, strict=True):
        for r, value in zip(group, turned, strict=True):
            rows[r] = value
    (_, d, u), (_, left_d, left_u) = found[0], found[-1]
    overlap(0, left_u, d)
    overlap(0, left_d, u, minus=True)


def _turn_all(e, states, kt, sums, index, turn):
    """Load rows of one or two states, turn them in `turn(sets, overlap)`, and store them and the sums."""
    totals = {}

    def overlap(number, left, right, minus=False):
        if len(states) == 1:
            return
        if number not in totals:
            totals[number] = e.load(sums, None, number)
        totals[number] = (e.sub if minus else e.add)(totals[number], e.mul(left, right))

    for part in (0, 1):
        sets = [_parts(e, state, index, part) for state in states]
        turn(sets, overlap)
        for state, rows in zip(states, sets, strict=True):
            _put_parts(e, rows, state, index, part)
    for number, total in totals.items():
        e.store(total, sums, None, number)


def _low_of(single, back):
    """Turn the lane bits and the lowest row bits of a few rows by one angle; backward with the overlaps."""

    def emit(e, psi, lam, kt, sums, row):
        K, T, square = (e.load(kt, None, i) for i in range(3))
        count = 1 << (_lowest(e)[1] if single else 2)
        index = [e.b.add(row, e.intp(j)) for j in range(count)]

        def turn(sets, overlap):
            _turn_low(e, count, sets, K, T, square, single, overlap)

        _turn_all(e, [psi, lam] if back else [psi], kt, sums, index, turn)

    return _instruction(emit)


def _rows_of_two(back):
    """Turn two row bits by one angle: the rows `row`, `row + stride`, ...; backward with the overlaps."""

    def emit(e, psi, lam, kt, sums, row, stride):
        K, T = (e.load(kt, None, i) for i in range(2))
        index = [e.b.add(row, e.b.mul(stride, e.intp(j))) for j in range(4)]

        def turn(sets, overlap):
            _turn_four(e, [0, 1, 2, 3], sets, K, T, overlap)

        _turn_all(e, [psi, lam] if back else [psi], kt, sums, index, turn)

    return _instruction(emit)


_low_lanes, _low_batch = _low_of(True, False), _low_of(False, False)
_low_lanes_back, _low_batch_back = _low_of(True, True), _low_of(False, True)
_two, _two_back = _rows_of_two(False), _rows_of_two(True)


def _constants(sign):
    """K = s c, T = s / c, both times a sign, and s^2."""

    def emit(e, kt, coef):
        c, s = e.load(coef), e.load(coef, None, 1)
        tiny = e.constant(1e-18)
        c = e.b.select(e.b.fcmp_ordered(">", c, tiny), c, tiny)
        K, T = e.mul(s, c), e.b.fdiv(s, c)
        for i, value in enumerate((K, T)):
            e.store(value if sign > 0 else _minus(e, value), kt, None, i)
        e.store(e.mul(s, s), kt, None, 2)

    return _instruction(emit)


_constants_there, _constants_back = _constants(1), _constants(-1)


def _sum_of_y(single):
    """Add the overlaps to the Y component of `t`; those of lanes have a sign by one bit."""

    def emit(e, t, sums):
        total = e.add(e.load(t, None, 1), e.load(sums))
        lanes = e.V.bit_length() - 1 if single else 0
        signs = [*((1 + bit // 2, bit) for bit in range(0, lanes - 1, 2)), *([(2, lanes - 1)] * (lanes % 2))]
        for number, bit in signs:
            total = e.add(total, e.mul(e.bit(bit, -1, 1), e.load(sums, None, number)))
        e.store(total, t, None, 1)

    return _instruction(emit)


_sum_lanes, _sum_batch = _sum_of_y(True), _sum_of_y(False)


# --- words of rotations, observables ------------------------------------------------------------------------


@_instruction
def _cosine_sine(e, angle, cosine, sine, index):
    """cosine[index], sine[index] = those of angle[index]."""
    for value, target in zip(e.sincos(e.load(angle, index)), (cosine, sine), strict=True):
        e.store(value, target, index)


@_instruction
def _spread(e, target, vector, source, element):
    """target[vector] = an element of source in all lanes."""
    e.store(e.splat(e.b.load(e.b.gep(source, [element]))), target, vector)


@_instruction
def _identity(e, q):
    """q = 1, a quaternion (w, x, y, z)."""
    for i in range(4):
        e.store(e.constant(i == 0), q, None, i)


def _turn_about(axis):
    """Multiply the quaternion `q` from the left by the rotation cos - i sin P; `half` holds (cos, sin)."""

    def emit(e, q, half):
        c, s = e.load(half), e.load(half, None, 1)
        a, b, d = (1 + (axis + i) % 3 for i in range(3))
        for i, j in ((0, a), (b, d)):
            u, v = e.turn(e.load(q, None, i), e.load(q, None, j), c, s)
            e.store(u, q, None, i)
            e.store(v, q, None, j)

    return _instruction(emit)


_turn_x, _turn_y, _turn_z = (_turn_about(axis) for axis in range(3))


@_instruction
def _factor(e, coef, q):
    """Split U = w - i (x X + y Y + z Z) ~ diag(1, P) RY(c, s) diag(1, Q): with u = w - i z and v = y - i x,
    c = |u|, s = |v|, P = v u* / |v u|, Q = u* v* / |u v|; where Re Q < 0, s, P and Q change sign."""
    w, x, y, z = (e.load(q, None, i) for i in range(4))
    one, zero, tiny = e.constant(1), e.constant(0), e.constant(1e-30)
    units, sizes, there = [], [], []
    for re, im in ((w, z), (y, x)):  # u* = w + i z, v* = y + i x
        square = e.add(e.mul(re, re), e.mul(im, im))
        size, found = e.sqrt(square), e.b.fcmp_ordered(">", square, tiny)
        inverse = e.b.fdiv(one, e.b.select(found, size, one))
        units.append([e.mul(re, inverse), e.mul(im, inverse)])
        sizes.append(size)
        there.append(found)
    (c, s), (u, v) = sizes, units  # where one of them is 0 and has no phase, it takes that which makes Q = 1
    u, v = (
        [e.b.select(found, a[0], b[0]), e.b.select(found, a[1], e.b.fsub(e.constant(-0.0), b[1]))]
        for found, a, b in ((there[0], u, v), (there[1], v, u))
    )
    P, Q = e.cmul(u, [v[0], e.b.fsub(e.constant(-0.0), v[1])]), e.cmul(u, v)
    flip = e.b.fcmp_ordered("<", Q[0], zero)
    signed = [e.b.select(flip, e.b.fsub(e.constant(-0.0), a), a) for a in (s, *P, *Q)]
    for i, value in enumerate([c, *signed]):
        e.store(value, coef, None, i)


def _sign_lane(bit):
    """Give s the sign it has in each lane of a lane bit: a' = c a + s (-a_1 where the bit is 0, +a_0)."""

    def emit(e, coef):
        if 1 << bit < e.V:
            e.store(e.mul(e.load(coef, None, 1), e.bit(bit, -1, 1)), coef, None, 1)

    return _instruction(emit)


_sign0, _sign1, _sign2, _sign3 = (_sign_lane(bit) for bit in range(4))


@_instruction
def _unphase(e, t, P):
    """(X, Y) of t as seen after the phase P: X + i Y is multiplied by P."""
    xy = e.cmul([e.load(t), e.load(t, None, 1)], e.row(P, e.intp(0)))
    e.store(xy[0], t)
    e.store(xy[1], t, None, 1)


def _take(axis):
    """Store component `axis` of t as the gradient; then turn the other two back by the angle."""

    def emit(e, t, half, gradient):
        c, s = e.load(half), e.load(half, None, 1)
        cos, sin = e.sub(e.mul(c, c), e.mul(s, s)), e.mul(e.mul(c, s), e.constant(2))
        e.store(e.load(t, None, axis), gradient)
        b, d = (axis + 1) % 3, (axis + 2) % 3
        v, u = e.turn(e.load(t, None, d), e.load(t, None, b), cos, sin)
        e.store(u, t, None, b)
        e.store(v, t, None, d)

    return _instruction(emit)


_take_x, _take_y, _take_z = (_take(axis) for axis in range(3))


def _pauli(single, table, imaginary=False, lanes=True):
    """out[row] += weight * table[entry] * psi[row ^ flips], or times i; `lane` is how lanes are flipped."""

    def emit(e, out, psi, weight, values, row, flips, lane, entry):
        re, im = e.row(psi, e.b.xor(row, flips))
        if single and lanes:
            for bit in range(e.V.bit_length() - 1):
                on = e.b.trunc(e.b.lshr(lane, e.intp(bit)), ir.IntType(1))
                re, im = (e.b.select(on, e.swap(a, bit), a) for a in (re, im))
        factor = e.load(weight)
        if table:
            here = e.load(values, entry) if single else e.splat(e.b.load(e.b.gep(values, [entry])))
            factor = e.mul(factor, here)
        u, v = e.row(out, row)
        if imaginary:
            e.put((e.sub(u, e.mul(factor, im)), e.add(v, e.mul(factor, re))), out, row)
        else:
            e.put((e.add(u, e.mul(factor, re)), e.add(v, e.mul(factor, im))), out, row)

    return _instruction(emit)


_batch_constant, _batch_real, _batch_imaginary = (
    _pauli(False, False),
    _pauli(False, True),
    _pauli(False, True, True),
)
_one_constant, _one_real, _one_imaginary = _pauli(True, False), _pauli(True, True), _pauli(True, True, True)
_row_real, _row_imaginary = _pauli(True, True, lanes=False), _pauli(True, True, True, lanes=False)


@_instruction
def _clear(e, target, row):
    e.put((e.constant(0), e.constant(0)), target, row)


@_instruction
def _clear_one(e, target):
    e.store(e.constant(0), target)


@_instruction
def _unit(e, target):
    e.store(e.constant(1), target)


@_instruction
def _weigh(e, target, row, weight):
    """target[row] *= weight."""
    e.put([e.mul(a, e.load(weight)) for a in e.row(target, row)], target, row)


@_instruction
def _accumulate(e, target, source, index):
    """target[index] += source[index]."""
    e.store(e.add(e.load(target, index), e.load(source, index)), target, index)


@_instruction
def _dot(e, total, a, b, row):
    """total += Re(conj(a) b) of one row."""
    (ar, ai), (br, bi) = e.row(a, row), e.row(b, row)
    e.store(e.add(e.add(e.load(total), e.mul(ar, br)), e.mul(ai, bi)), total)


@_instruction
def _inner(e, total, a, b, row):
    """total += conj(a) b of one row, real and imaginary parts."""
    left, right = e.row(a, row), e.row(b, row)
    for part, odd in enumerate((True, False)):
        e.store(e.add(e.load(total, None, part), _overlap(e, left, right, odd)), total, None, part)


@_instruction
def _reject(e, out, psi, weight, overlap, target, row):
    """out[row] += weight (psi[row] - overlap target[row])."""
    factor, o = e.load(weight), [e.load(overlap), e.load(overlap, None, 1)]
    along = e.cmul(o, e.row(target, row))
    left = [e.mul(factor, e.sub(a, b)) for a, b in zip(e.row(psi, row), along, strict=True)]
    e.put([e.add(u, a) for u, a in zip(e.row(out, row), left, strict=True)], out, row)


@_instruction
def _times(e, target, source, values, index):
    """target = source * values[index], a number."""
    e.store(e.mul(e.load(source), e.splat(e.b.load(e.b.gep(values, [index])))), target)


# --- a team of threads on one state -------------------------------------------------------------------------

_yield = types.ExternalFunction("sched_yield", types.int32())


@intrinsic
def _arrive(typingctx, counter):
    """Add one to a counter, atomically."""

    def codegen(context, builder, signature, values):
        builder.atomic_rmw("add", values[0], ir.IntType(64)(1), "seq_cst")
        return context.get_dummy_value()

    return types.void(counter), codegen


@intrinsic
def _count(typingctx, counter):
    """Read a counter, atomically."""

    def codegen(context, builder, signature, values):
        return builder.load_atomic(values[0], "seq_cst", 8)

    return types.int64(counter), codegen


@njit
def _stopped(counter):
    """Whether the caller wants no more: what has been computed is thrown away."""
    return _count(_offset(counter, 1)) != 0


@njit
def _meet(counter, parts, meetings):
    """Wait until every thread of the team has come to this meeting; return the number of the next."""
    if parts > 1:
        _arrive(counter)
        spins = 0
        while _count(counter) < parts * meetings and not _stopped(counter):
            spins += 1
            if spins > 2000:  # somebody else has the core: let them
                _yield()
    return meetings + 1


# --- passes over the rows -----------------------------------------------------------------------------------


@njit
def _rotate(psi, coef, first, extent, tile, width, low, high):
    """RY on row bits low..high-1: of a tile of rows, or of `width` columns of all tiles."""
    k = low
    while k < high:
        m = 2 if high - k == 4 else min(3, high - k)
        stride = 1 << k
        here = _shift(coef, k * COEF)
        for outer in range(first, first + extent, stride << m):
            for mid in range(outer, outer + stride, min(stride, tile)):
                for row in range(mid, mid + min(stride, width)):
                    if m == 3:
                        _block3(psi, here, row, stride)
                    elif m == 2:
                        _block2(psi, here, row, stride)
                    else:
                        _block1(psi, here, row, stride)
        k += m


@njit
def _rotate_back(psi, lam, coef, t, first, extent, tile, width, low, high, plain):
    """Undo :func:`_rotate`; if `plain`, without the X components of t."""
    k = low
    while k < high:
        m = min(2, high - k)
        stride = 1 << k
        here, t_here = _shift(coef, k * COEF), _shift(t, k * 3)
        for outer in range(first, first + extent, stride << m):
            for mid in range(outer, outer + stride, min(stride, tile)):
                for row in range(mid, mid + min(stride, width)):
                    if m == 2 and plain:
                        _back2_y(psi, lam, here, t_here, row, stride)
                    elif m == 2:
                        _back2(psi, lam, here, t_here, row, stride)
                    elif plain:
                        _back1_y(psi, lam, here, t_here, row, stride)
                    else:
                        _back1(psi, lam, here, t_here, row, stride)
        k += m


@njit
def _undo(psi, lam, high, low, t, total, signs, first, rows, bits, m):
    """Undo the diagonal on some neighbouring rows; `m` is how many bits are folded in registers."""
    for row in range(first, first + rows, 1 << m):
        if m == 3:
            _undo3(psi, lam, high, low, t, total, signs, row, bits)
        elif m == 2:
            _undo2(psi, lam, high, low, t, total, signs, row, bits)
        elif m == 1:
            _undo1(psi, lam, high, low, t, total, signs, row, bits)
        else:
            _undo0(psi, lam, high, low, t, total, signs, row, bits)


@njit
def _pass_forward(psi, patterns, table, places, part, parts):
    """Apply one pass, or a thread's share of it; `table` is a row of the passes."""
    kind, flips, lane = table[0], table[1], table[2]
    here = _shift(patterns, 2 * table[5])
    begin, end = _split(table[4] - table[3], part, parts)
    for i in range(table[3] + begin, table[3] + end):
        row, pattern = places[0, i], places[1, i]
        if kind == 0:
            _pass_phase(psi, here, pattern, row)
        elif kind == 1:
            _even(psi, here, pattern, row, flips, lane)
        elif kind == 2:
            _odd(psi, here, pattern, row, flips, lane)
        elif kind == 3:
            _even_lanes(psi, here, pattern, row, flips, lane)
        elif kind == 4:
            _odd_lanes(psi, here, pattern, row, flips, lane)
        elif kind == 5:
            _even_within(psi, here, pattern, row, flips, lane)
        else:
            _odd_within(psi, here, pattern, row, flips, lane)


@njit
def _pass_backward(psi, lam, patterns, sums, table, places, part, parts):
    """Undo one pass on psi and lambda, and sum up the overlaps by pattern."""
    kind, flips, lane = table[0], table[1], table[2]
    here, total = _shift(patterns, 2 * table[5]), _shift(sums, table[5])
    begin, end = _split(table[4] - table[3], part, parts)
    for i in range(table[3] + begin, table[3] + end):
        row, pattern = places[0, i], places[1, i]
        if kind == 0:
            _back_phase(psi, lam, here, total, pattern, row)
        elif kind == 1:
            _back_even(psi, lam, here, total, pattern, row, flips, lane)
        elif kind == 2:
            _back_odd(psi, lam, here, total, pattern, row, flips, lane)
        elif kind == 3:
            _back_even_lanes(psi, lam, here, total, pattern, row, flips, lane)
        elif kind == 4:
            _back_odd_lanes(psi, lam, here, total, pattern, row, flips, lane)
        elif kind == 5:
            _back_even_within(psi, lam, here, total, pattern, row, flips, lane)
        else:
            _back_odd_within(psi, lam, here, total, pattern, row, flips, lane)


@njit
def _alike_bits(lane_bits, row_bits, parts):
    """Row bits that are turned with the lanes, and those of a tile: all but these are turned in pairs."""
    low = 3 if lane_bits % 2 else 2
    most = min(ALIKE_BITS, row_bits - 1 if parts > 1 else row_bits)
    return low, low + max(most - low, 0) // 2 * 2


@njit
def _alike_low(psi, kt, lane_bits, low, first, last, patterns, passes, places, begin, end):
    """RY by one angle on the lanes and lowest bits of some rows, after the diagonal passes begin..end-1."""
    for number in range(begin, end):
        here, place = _shift(patterns, 2 * passes[number, 5]), passes[number, 3]
        for row in range(first, last):
            _pass_phase(psi, here, places[1, place + row], row)
    for row in range(first, last, 1 << low):
        if lane_bits:
            _low_lanes(psi, psi, kt, kt, row)
        else:
            _low_batch(psi, psi, kt, kt, row)


@njit
def _alike_low_back(
    psi, lam, kt, sums, lane_bits, low, first, last, patterns, overlaps, passes, places, begin, end
):  # fmt: skip
    """Undo :func:`_alike_low` on psi and lambda, and add up the overlaps."""
    for row in range(first, last, 1 << low):
        if lane_bits:
            _low_lanes_back(psi, lam, kt, sums, row)
        else:
            _low_batch_back(psi, lam, kt, sums, row)
    for number in range(end - 1, begin - 1, -1):
        here, total = _shift(patterns, 2 * passes[number, 5]), _shift(overlaps, passes[number, 5])
        place = passes[number, 3]
        for row in range(first, last):
            _back_phase(psi, lam, here, total, places[1, place + row], row)


@njit
def _alike_rotate(psi, kt, coef, first, extent, tile, width, low, high):
    """RY by one angle on row bits low..high-1, as :func:`_rotate`."""
    for k in range(low, high, 2):
        m, stride = min(2, high - k), 1 << k
        for outer in range(first, first + extent, stride << m):
            for mid in range(outer, outer + stride, min(stride, tile)):
                for row in range(mid, mid + min(stride, width)):
                    if m == 2:
                        _two(psi, psi, kt, kt, row, stride)
                    else:
                        _block1(psi, _shift(coef, k * COEF), row, stride)


@njit
def _alike_rotate_back(psi, lam, kt, sums, coef, t, first, extent, tile, width, low, high):
    """Undo :func:`_alike_rotate` on psi and lambda, and add up the overlaps."""
    for k in range(low, high, 2):
        m, stride = min(2, high - k), 1 << k
        for outer in range(first, first + extent, stride << m):
            for mid in range(outer, outer + stride, min(stride, tile)):
                for row in range(mid, mid + min(stride, width)):
                    if m == 2:
                        _two_back(psi, lam, kt, sums, row, stride)
                    else:
                        _back1_y(psi, lam, _shift(coef, k * COEF), _shift(t, 3 * k), row, stride)


@njit
def _alike_forward(
    psi, kt, coef, meeting, meetings, shape, part, patterns, passes, places, begin, end
):  # fmt: skip
    """RY by one angle on all qubits, after the diagonal passes begin..end-1, or a thread's share of it."""
    lane_bits, row_bits, parts = shape[2], shape[1] - shape[2], shape[7]
    low, bits = _alike_bits(lane_bits, row_bits, parts)
    rows, tile, chunk = 1 << row_bits, 1 << bits, min(CHUNK, 1 << bits)
    width = min(COLUMNS, tile)
    mine, until = _split(rows // tile, part, parts)
    for a in range(mine * tile, until * tile, tile):
        for first in range(a, a + tile, chunk):
            _alike_low(psi, kt, lane_bits, low, first, first + chunk, patterns, passes, places, begin, end)
        _alike_rotate(psi, kt, coef, a, tile, tile, tile, low, bits)
    meetings = _meet(meeting, parts, meetings)
    if bits < row_bits:
        mine, until = _split(tile // width, part, parts)
        for column in range(mine * width, until * width, width):
            _alike_rotate(psi, kt, coef, column, rows, tile, width, bits, row_bits)
        meetings = _meet(meeting, parts, meetings)
    return meetings


@njit
def _alike_backward(
    psi, lam, kt, sums, coef, t, meeting, meetings, shape, part, patterns, overlaps, passes, places, begin,
    end,
):  # fmt: skip
    """Undo :func:`_alike_forward` on psi and lambda, and add up the overlaps; the caller meets."""
    lane_bits, row_bits, parts = shape[2], shape[1] - shape[2], shape[7]
    low, bits = _alike_bits(lane_bits, row_bits, parts)
    rows, tile, chunk = 1 << row_bits, 1 << bits, min(CHUNK, 1 << bits)
    width = min(COLUMNS, tile)
    if bits < row_bits:
        mine, until = _split(tile // width, part, parts)
        for column in range(mine * width, until * width, width):
            _alike_rotate_back(psi, lam, kt, sums, coef, t, column, rows, tile, width, bits, row_bits)
        meetings = _meet(meeting, parts, meetings)
    mine, until = _split(rows // tile, part, parts)
    for a in range(mine * tile, until * tile, tile):
        _alike_rotate_back(psi, lam, kt, sums, coef, t, a, tile, tile, tile, low, bits)
        for first in range(a, a + tile, chunk):
            _alike_low_back(psi, lam, kt, sums, lane_bits, low, first, first + chunk, patterns, overlaps,
                            passes, places, begin, end)  # fmt: skip
    return meetings


@njit
def _before(layers, layer):
    """The passes of the layer before that are made together with this one's rotations: first, one beyond."""
    before = max(layer - 1, 0)
    return layers[before, 1], layers[before, 2] if layers[before, 7] else layers[before, 1]


@njit
def _tables(high, low, factors, lane_bits, row_bits, bits):
    """Tables of the products of (1, factor) over the low `bits` row bits and the lanes, and over the rest."""
    if lane_bits:
        _lane_phases(low, factors)
    else:
        _one(low)
    _one(high)
    for bit in range(row_bits):
        table, b = (low, bit) if bit < bits else (high, bit - bits)
        here = _shift(factors, 2 * (lane_bits + bit))
        for source in range(1 << b):
            _scale(table, 1 << b, here, source)


@njit
def _begin(psi, amplitudes, lane_bits, row_bits):
    """Fill psi with a product state, bit by bit."""
    if lane_bits:
        _lane_start(psi, amplitudes)
    else:
        _one(psi)
    for bit in range(row_bits):
        zero = _shift(amplitudes, 4 * (lane_bits + bit))
        one = _shift(zero, 2)
        for source in range(1 << bit):
            _scale(psi, 1 << bit, one, source)
            _scale(psi, 0, zero, source)


@njit
def _factors(factors, coef, next_coef, n, P, Q):
    """What the diagonal multiplies ``|1>`` of each bit with: P of this layer, Q of the next, or both."""
    for bit in range(n):
        here, there = _shift(coef, bit * COEF + 2), _shift(next_coef, bit * COEF + 4)
        if P and Q:
            _merge(factors, bit, here, there)
        elif P:
            _copy(factors, bit, here, 0)
        else:
            _copy(factors, bit, there, 0)


@njit
def _project(overlap, target, psi, rows, single, V):
    """overlap = <target|psi> in every lane, real and imaginary parts."""
    _clear_one(overlap)
    _clear_one(_shift(overlap, 1))
    for row in range(rows):
        _inner(overlap, target, psi, row)
    if single:
        lanes = carray(overlap, (2, V))
        for part in range(2):
            total = lanes[part, 0]
            for lane in range(1, V):
                total += lanes[part, lane]
            lanes[part] = total


@njit
def _apply(
    out, psi, g, weight, terms, scales, tables, overlap, target, observable, single, first, last, counter
):  # fmt: skip
    """out = g O psi on rows first..last-1; a term is (observable, kind, row flips, lane flips, table, row Z).

    Its table has an entry for each row if the last is negative, else two: for an even number of Z, and odd.
    """
    for begin in range(first, last, CHUNK):
        if _stopped(counter):
            return
        end = min(begin + CHUNK, last)
        for row in range(begin, end):
            _clear(out, row)
        _add_terms(
            out, psi, g, weight, terms, scales, tables, overlap, target, observable, single, begin, end
        )


@njit
def _add_terms(
    out, psi, g, weight, terms, scales, tables, overlap, target, observable, single, begin, end
):  # fmt: skip
    """out += g O psi on a few rows, which stay in the first-level cache for all terms."""
    for i in range(len(terms)):
        if terms[i, 0] == observable:
            kind, flips, lane = terms[i, 1], terms[i, 2], terms[i, 3]
            _times(weight, g, _pointer(scales), i)
            values, row_z = _offset(_pointer(tables), terms[i, 4]), terms[i, 5]
            for row in range(begin, end):
                entry = row if row_z < 0 else _parity(row & row_z)
                if kind == 3:
                    _reject(out, psi, weight, overlap, target, row)
                elif single and (kind or lane):
                    if kind == 0:
                        _one_constant(out, psi, weight, values, row, flips, lane, entry)
                    elif lane == 0 and kind == 1:
                        _row_real(out, psi, weight, values, row, flips, lane, entry)
                    elif lane == 0:
                        _row_imaginary(out, psi, weight, values, row, flips, lane, entry)
                    elif kind == 1:
                        _one_real(out, psi, weight, values, row, flips, lane, entry)
                    else:
                        _one_imaginary(out, psi, weight, values, row, flips, lane, entry)
                elif kind == 0:
                    _batch_constant(out, psi, weight, values, row, flips, lane, entry)
                elif kind == 1:
                    _batch_real(out, psi, weight, values, row, flips, lane, entry)
                else:
                    _batch_imaginary(out, psi, weight, values, row, flips, lane, entry)


# --- entry points: numpy arrays in, all of one precision ----------------------------------------------------
#
# `shape` holds (n_layers, n, lane_bits, tile_bits, rotations in words, whether there are permutations,
# whether they are odd in number, threads of a team, V, patterns, angles of patterns, n_params).  `layers`
# holds, for each layer, (0 nothing, 1 signs, 2 permutation, 3 passes; which, or the first pass; one beyond
# the last pass; whether there are words; whether there is a diagonal; whether its Q is not 1; whether words
# turn all qubits by one angle about Y; whether the passes are made with those of the next layer).  `room`
# keeps what the backward pass needs, of every group: half-angle cosines and sines, `coef`, psi, and (cos,
# sin) of the patterns.  `work` is what one thread or team needs: for each thread a few tables, t, the
# overlaps of the patterns and angles as they come; then lambda, a spare state and the folded w.  `counter`
# holds the arrivals at the meetings of a team, and whether all are to stop, which they do at the next layer.


@njit(cache=True)
def sizes(shape):
    """Vectors of `room` for a group, of `work` for each thread of a team, and of `work` for the team."""
    n_layers, n, rows = shape[0], shape[1], 1 << (shape[1] - shape[2])
    room = 2 * shape[4] + n_layers * n * COEF + 2 * rows + 2 * shape[9]
    angles = 2 * (shape[4] + shape[10]) + 2
    own = 10 + 2 * n + 4 * _table_size(shape) + (n_layers + 1) * n * 3 + shape[4] + shape[9] + angles
    return room, own, 2 * rows * (1 + shape[5]) + max(1, rows >> 3)


@njit
def _table_size(shape):
    return 1 << (shape[1] - shape[2] + 1) // 2


@njit
def _room(room, shape, group):
    """Where half angles, coefficients, psi and patterns of a group are."""
    half = _shift(_pointer(room), group * sizes(shape)[0])
    coef = _shift(half, 2 * shape[4])
    psi = _shift(coef, shape[0] * shape[1] * COEF)
    return half, coef, psi, _shift(psi, 2 << (shape[1] - shape[2]))


@njit
def _work(work, shape, thread, part):
    """Where a thread's tables, t and overlaps are, and a team's lambda, spare state and folded w."""
    own, rows = sizes(shape)[1], 1 << (shape[1] - shape[2])
    q = _shift(_pointer(work[thread]), part * own)
    factors = _shift(q, 10)
    low = _shift(factors, 2 * shape[1])
    high = _shift(low, 2 * _table_size(shape))
    t = _shift(high, 2 * _table_size(shape))
    slopes = _shift(t, (shape[0] + 1) * shape[1] * 3)
    lam = _shift(_pointer(work[thread]), shape[7] * own)
    spare = _shift(lam, 2 * rows)
    return q, factors, low, high, t, slopes, lam, spare, _shift(spare, 2 * rows * shape[5])


@njit
def _moderate(angle):
    """The angle, or one between -pi and pi with its sine and cosine if it is large."""
    return angle if abs(angle) <= LARGEST else math.atan2(math.sin(angle), math.cos(angle))


@njit
def _angle_of(theta, number, turns, first, parameter, values, beyond):
    """The angle of pattern `number`: a sum of a few of theta, or of 1 for the number `beyond` the last."""
    total = values[0] * 0
    for i in range(first[number], first[number + 1]):
        total += values[i] * (theta[parameter[i]] if parameter[i] < beyond else 1)
    return _moderate(total)


@njit
def _turns(half, patterns, scratch, theta, group, word, halves, turns, first, parameter, values, shape):
    """Fill half angles and patterns of a group with cosines and sines, from theta (B, n_params)."""
    slots, V, n_patterns, n_angles, beyond = shape[4], shape[8], shape[9], shape[10], shape[11]
    if shape[2]:  # one state: all lanes are alike, so angles stand side by side until they are spread
        count = (slots + n_angles + V - 1) // V
        angle = carray(scratch, count * V)
        for i in range(slots):
            angle[i] = _moderate(theta[group, word[i, 3]] * halves[0, i] + halves[1, i])
        for i in range(n_angles):
            angle[slots + i] = _angle_of(theta[group], i, turns, first, parameter, values, beyond)
        for i in range(slots + n_angles, count * V):
            angle[i] = 0
        sine = _shift(scratch, count)
        for i in range(count):
            _cosine_sine(scratch, scratch, sine, i)
        for i in range(slots):
            _spread(half, 2 * i, scratch, i)
            _spread(half, 2 * i + 1, sine, i)
        found, sines = carray(patterns, 2 * n_patterns * V), carray(sine, count * V)
        for i in range(n_patterns):
            for lane in range(V):
                found[2 * i * V + lane] = angle[slots + turns[i, lane]]
                found[(2 * i + 1) * V + lane] = sines[slots + turns[i, lane]]
        return
    here, angle = carray(half, 2 * slots * V), carray(scratch, (n_angles + 1) * V)
    for lane in range(V):
        row = min(group * V + lane, len(theta) - 1)  # lanes beyond the last sample repeat it
        for i in range(slots):
            here[2 * i * V + lane] = _moderate(theta[row, word[i, 3]] * halves[0, i] + halves[1, i])
        for i in range(n_angles):
            angle[i * V + lane] = _angle_of(theta[row], i, turns, first, parameter, values, beyond)
    for i in range(slots):
        _cosine_sine(half, half, _shift(half, 1), 2 * i)
    sine = _shift(scratch, n_angles)
    for i in range(n_angles):
        _cosine_sine(scratch, scratch, sine, i)
    for i in range(n_patterns):
        _place(patterns, 2 * i, scratch, turns[i, 0])
        _place(patterns, 2 * i + 1, sine, turns[i, 0])


@njit
def _fold(gradient, group, slopes, overlaps, scratch, word, halves, turns, first, parameter, values, shape):
    """Add up the derivatives by slots and patterns to those by theta, (B, n_params)."""
    slots, V, n_patterns, n_angles, beyond = shape[4], shape[8], shape[9], shape[10], shape[11]
    slope, overlap = carray(slopes, slots * V), carray(overlaps, n_patterns * V)
    sums = carray(scratch, (n_angles + 1) * V)
    for i in range(n_angles * V):
        sums[i] = 0
    if shape[2]:
        out = gradient[group]
        for i in range(n_patterns):
            for lane in range(V):
                sums[turns[i, lane]] += overlap[i * V + lane]
        for k in range(beyond):
            out[k] = 0
        for i in range(slots):
            total = slope[i * V]
            for lane in range(1, V):
                total += slope[i * V + lane]
            out[word[i, 3]] += 2 * halves[0, i] * total
        for i in range(n_angles):
            for k in range(first[i], first[i + 1]):
                if parameter[k] < beyond:
                    out[parameter[k]] += 2 * values[k] * sums[i]
        return
    for i in range(n_patterns):
        for lane in range(V):
            sums[turns[i, 0] * V + lane] += overlap[i * V + lane]
    for lane in range(min(V, len(gradient) - group * V)):
        out = gradient[group * V + lane]
        for k in range(beyond):
            out[k] = 0
        for i in range(slots):
            out[word[i, 3]] += 2 * halves[0, i] * slope[i * V + lane]
        for i in range(n_angles):
            for k in range(first[i], first[i + 1]):
                if parameter[k] < beyond:
                    out[parameter[k]] += 2 * values[k] * sums[i * V + lane]


@njit
def _split(total, part, parts):
    """The share of one thread, in whole numbers."""
    return total * part // parts, total * (part + 1) // parts


@njit
def _numbers(shape):
    """Layers, qubits, lane bits, row bits, tile bits, threads of a team."""
    return shape[0], shape[1], shape[2], shape[1] - shape[2], shape[3], shape[7]


@njit
def _share(shape, part):
    """Rows, rows of a tile and of a column pass; and one thread's share of rows, tiles and column passes."""
    rows, tile, parts = 1 << (shape[1] - shape[2]), 1 << shape[3], shape[7]
    width = min(COLUMNS, tile)
    mine, until = _split(rows, part, parts)
    tile_from, tile_to = _split(rows // tile, part, parts)
    column_from, column_to = _split(tile // width, part, parts)
    return rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to


@njit
def _weights_of(target, weights, group, observable, shape):
    """Fill a vector with the weights of an observable in each sample of a group, from (B, m)."""
    V, lanes = shape[8], carray(target, shape[8])
    for lane in range(V):
        row = group if shape[2] else min(group * V + lane, len(weights) - 1)
        lanes[lane] = weights[row, observable]


@njit
def _source(places, row, lane_bits, row_bits):
    """Where a row comes from: the sum, modulo 2, of what its lower and its upper bits say; lanes go first."""
    bits, lanes = (row_bits + 1) // 2, 1 << lane_bits
    return places[lanes + (row & ((1 << bits) - 1))] ^ places[lanes + (1 << bits) + (row >> bits)]


@njit
def _prepare(coef, half, q, word, layers, shape):
    """Fill `coef` from the half-angle (cos, sin); a gate of `word` is (layer, bit, axis, parameter)."""
    n_layers, n, lane_bits = shape[0], shape[1], shape[2]
    gate = 0
    for slot in range(n_layers * n):
        if not layers[slot // n, 3]:
            continue
        _identity(q)
        while gate < len(word) and word[gate, 0] * n + word[gate, 1] == slot:
            angle = _shift(half, 2 * gate)
            if word[gate, 2] == 0:
                _turn_x(q, angle)
            elif word[gate, 2] == 1:
                _turn_y(q, angle)
            else:
                _turn_z(q, angle)
            gate += 1
        here = _shift(coef, slot * COEF)
        _factor(here, q)
        if slot % n < lane_bits:
            if slot % n == 0:
                _sign0(here)
            elif slot % n == 1:
                _sign1(here)
            elif slot % n == 2:
                _sign2(here)
            else:
                _sign3(here)


@njit
def _finish(t, half, coef, slopes, word, layers, shape):
    """Turn the collected t of every qubit and layer into the gradient of each rotation, last to first."""
    n_layers, n = shape[0], shape[1]
    gate = len(word) - 1
    for slot in range(n_layers * n - 1, -1, -1):
        if not layers[slot // n, 3]:
            continue
        here = _shift(t, 3 * slot)
        _unphase(here, _shift(coef, slot * COEF + 2))
        while gate >= 0 and word[gate, 0] * n + word[gate, 1] == slot:
            angle, out = _shift(half, 2 * gate), _shift(slopes, gate)
            if word[gate, 2] == 0:
                _take_x(here, angle, out)
            elif word[gate, 2] == 1:
                _take_y(here, angle, out)
            else:
                _take_z(here, angle, out)
            gate -= 1


@njit
def _diagonal_of(factors, low, high, c, P, Q, shape):
    """Make the tables of the diagonal after a layer: of its P, of the next layer's Q, or of both.

    Without both there is nothing to make.
    """
    if not (P or Q):
        return 0
    n, lane_bits, bits = shape[1], shape[2], (shape[1] - shape[2] + 1) // 2
    _factors(factors, c, _shift(c, n * COEF) if P else c, n, P, Q)
    _tables(high, low, factors, lane_bits, n - lane_bits, bits)
    return bits


@njit(inline="always")
def _forward(
    first, last, thread, part, counter, shape, word, halves, layers, signs, places, passes, pass_places,
    turns, firsts, parameter, numbers, terms, scales, tables, start, theta, room, work, states, values,
):  # fmt: skip
    """Evolve groups first..last-1 and write the expectation of every observable, (B, m).

    A member of a team writes its share of the sums, (parts, B, m).
    """
    n_layers, n, lane_bits, row_bits, tile_bits, parts = _numbers(shape)
    rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to = _share(shape, part)
    meeting, meetings, V = _pointer(counter), 1, shape[8]
    q, factors, low, high, _, slopes, phi, other, _ = _work(work, shape, thread, part)
    signs_of, places_of = _pointer(signs), _pointer(places)
    scratch = _shift(slopes, shape[4] + shape[9])
    for group in range(first, last):
        if _stopped(meeting):
            return
        half, coef, here, patterns = _room(room, shape, group)
        if part == 0:
            _turns(
                half, patterns, scratch, theta, group, word, halves, turns, firsts, parameter, numbers, shape
            )
            _prepare(coef, half, q, word, layers, shape)
            _begin(here, _pointer(start), lane_bits, row_bits)
        meetings = _meet(meeting, parts, meetings)
        if layers[0, 5]:
            bits = _diagonal_of(factors, low, high, coef, False, True, shape)
            for row in range(mine, until):
                _diagonal(here, high, low, signs_of, row, bits)
            meetings = _meet(meeting, parts, meetings)
        for layer in range(n_layers):
            if _stopped(meeting):
                return
            c = _shift(coef, layer * n * COEF)
            c_rows = _shift(c, lane_bits * COEF)
            kind, slot, diagonal, final = (
                layers[layer, 0],
                layers[layer, 1],
                layers[layer, 4],
                layer + 1 == n_layers,
            )
            q_next = not final and layers[layer + 1, 5] != 0
            if layers[layer, 6]:
                begin, end = _before(layers, layer)
                _constants_there(q, c_rows)
                meetings = _alike_forward(
                    here, q, c_rows, meeting, meetings, shape, part, patterns, passes, pass_places, begin, end
                )
            elif layers[layer, 3]:
                table = _offset(signs_of, slot * rows if kind == 1 else 0)
                bits = _diagonal_of(
                    factors, low, high, c, diagonal != 0, diagonal != 0 and q_next and kind < 2, shape
                )
                for a in range(tile_from, tile_to):
                    _rotate(here, c_rows, a * tile, tile, tile, tile, 0, tile_bits)
                    if lane_bits:
                        for row in range(a * tile, (a + 1) * tile):
                            _lane_block(here, c, row)
                    if diagonal and tile_bits == row_bits:
                        for row in range(rows):
                            _diagonal(here, high, low, table, row, bits)
                if tile_bits < row_bits:
                    meetings = _meet(meeting, parts, meetings)
                    for column in range(column_from, column_to):
                        _rotate(here, c_rows, column * width, rows, tile, width, tile_bits, row_bits)
                        if diagonal:
                            for base in range(column * width, rows, tile):
                                for row in range(base, base + width):
                                    _diagonal(here, high, low, table, row, bits)
                meetings = _meet(meeting, parts, meetings)
            if kind == 2:
                moved = _offset(places_of, slot * places.shape[1])
                for row in range(mine, until):
                    place = _source(places[slot], row, lane_bits, row_bits)
                    if lane_bits:
                        _gather(other, row, here, place, moved)
                    else:
                        _copy(other, row, here, place)
                here, other = other, here
                meetings = _meet(meeting, parts, meetings)
            elif kind == 3 and not layers[layer, 7]:
                for number in range(slot, layers[layer, 2]):
                    _pass_forward(here, patterns, passes[number], pass_places, part, parts)
                    meetings = _meet(meeting, parts, meetings)
            if kind > 1 and q_next:
                bits = _diagonal_of(factors, low, high, _shift(c, n * COEF), False, True, shape)
                for row in range(mine, until):
                    _diagonal(here, high, low, signs_of, row, bits)
                meetings = _meet(meeting, parts, meetings)
        if shape[6]:
            for row in range(mine, until):
                _copy(other, row, here, row)
            here, other = other, here
            meetings = _meet(meeting, parts, meetings)
        one, overlap, target = _shift(q, 4), _shift(q, 8), _offset(_pointer(states), group * 2 * rows * V)
        _unit(one)
        if len(states):
            _project(overlap, target, here, rows, lane_bits > 0, V)
        for observable in range(values.shape[2]):
            _apply(phi, here, one, q, terms, scales, tables, overlap, target, observable, lane_bits > 0, mine,
                   until, meeting)  # fmt: skip
            _clear_one(scratch)
            for row in range(mine, until):
                _dot(scratch, here, phi, row)
            value = carray(scratch, V)
            if lane_bits:
                values[part, group, observable] = 0
                for lane in range(V):
                    values[part, group, observable] += value[lane]
            else:
                for lane in range(min(V, values.shape[1] - group * V)):
                    values[part, group * V + lane, observable] = value[lane]
        meetings = _meet(meeting, parts, meetings)


@njit(inline="always")
def _backward(
    first, last, thread, part, counter, shape, word, halves, layers, signs, places, passes, pass_places,
    turns, firsts, parameter, numbers, terms, scales, tables, room, work, states, weights, applied, gradient,
):  # fmt: skip
    """Carry psi and lambda back to the start and write the gradient by every angle of theta, (B, n_params).

    `applied`: there is one observable, and :func:`_forward` left O psi where lambda goes.
    """
    n_layers, n, lane_bits, row_bits, tile_bits, parts = _numbers(shape)
    rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to = _share(shape, part)
    meeting, meetings, m = _pointer(counter), 1, min(3, row_bits)
    signs_of, places_of = _pointer(signs), _pointer(places)
    for group in range(first, last):
        if _stopped(meeting):
            return
        half, coef, here, patterns = _room(room, shape, group)
        q, factors, low, high, t, slopes, back, other, w = _work(work, shape, thread, part)
        overlaps = _shift(slopes, shape[4])
        scratch = _shift(overlaps, shape[9])
        for number in range(shape[9]):
            _clear_one(_shift(overlaps, number))
        unused = _shift(t, n_layers * n * 3)
        for slot in range((n_layers + 1) * n * 3):
            _clear_one(_shift(t, slot))
        if applied:
            _weights_of(q, weights, group, 0, shape)
            for row in range(mine, until):
                _weigh(back, row, q)
        else:
            for row in range(mine, until):
                _clear(back, row)
            overlap, target = _shift(q, 8), _offset(_pointer(states), group * 2 * rows * shape[8])
            if len(states):
                _project(overlap, target, here, rows, lane_bits > 0, shape[8])
            for begin in range(mine, until, CHUNK):
                if _stopped(meeting):
                    return
                for observable in range(weights.shape[1]):
                    _weights_of(_shift(q, 4), weights, group, observable, shape)
                    _add_terms(back, here, _shift(q, 4), q, terms, scales, tables, overlap, target,
                               observable, lane_bits > 0, begin, min(begin + CHUNK, until))  # fmt: skip
        meetings = _meet(meeting, parts, meetings)
        for layer in range(n_layers - 1, -1, -1):
            if _stopped(meeting):
                return
            c = _shift(coef, layer * n * COEF)
            c_rows = _shift(c, lane_bits * COEF)
            kind, slot, diagonal, final = (
                layers[layer, 0],
                layers[layer, 1],
                layers[layer, 4],
                layer + 1 == n_layers,
            )
            q_next = not final and layers[layer + 1, 5] != 0
            z = _shift(t, layer * n * 3)
            z_rows = _shift(z, 3 * lane_bits)
            if kind > 1 and q_next:
                bits = _diagonal_of(factors, low, high, _shift(c, n * COEF), False, True, shape)
                if part == 0:
                    _undo(here, back, high, low, unused, w, signs_of, 0, rows, bits, m)
                meetings = _meet(meeting, parts, meetings)
            if kind == 2:
                moved = _offset(places_of, (slot + 1) * places.shape[1])
                for _ in range(2):
                    for row in range(mine, until):
                        place = _source(places[slot + 1], row, lane_bits, row_bits)
                        if lane_bits:
                            _gather(other, row, here, place, moved)
                        else:
                            _copy(other, row, here, place)
                    here, back, other = back, other, here  # after two rounds they are in their roles again
                    meetings = _meet(meeting, parts, meetings)
            elif kind == 3 and not layers[layer, 7]:
                for number in range(layers[layer, 2] - 1, slot - 1, -1):
                    _pass_backward(here, back, patterns, overlaps, passes[number], pass_places, part, parts)
                    meetings = _meet(meeting, parts, meetings)
            if not layers[layer, 3]:
                continue
            if layers[layer, 6]:
                begin, end = _before(layers, layer)
                sums = _shift(q, 4)
                for number in range(3):
                    _clear_one(_shift(sums, number))
                _constants_back(q, c_rows)
                meetings = _alike_backward(
                    here, back, q, sums, c_rows, z_rows, meeting, meetings, shape, part, patterns, overlaps,
                    passes, pass_places, begin, end,
                )  # fmt: skip
                if lane_bits:
                    _sum_lanes(z, sums)
                else:
                    _sum_batch(z, sums)
                meetings = _meet(meeting, parts, meetings)
                continue
            plain = layers[layer, 5] == 0
            table = _offset(signs_of, slot * rows if kind == 1 else 0)
            bits = _diagonal_of(
                factors, low, high, c, diagonal != 0, diagonal != 0 and q_next and kind < 2, shape
            )
            if tile_bits < row_bits:
                for column in range(column_from, column_to):
                    if diagonal:
                        for base in range(column * width, rows, tile):
                            _undo(here, back, high, low, z_rows, w, table, base, width, bits, m)
                    _rotate_back(
                        here, back, c_rows, z_rows, column * width, rows, tile, width, tile_bits, row_bits,
                        plain,
                    )  # fmt: skip
                meetings = _meet(meeting, parts, meetings)
            elif diagonal:
                _undo(here, back, high, low, z_rows, w, table, 0, rows, bits, m)
            for a in range(tile_from, tile_to):
                _rotate_back(here, back, c_rows, z_rows, a * tile, tile, tile, tile, 0, tile_bits, plain)
                if lane_bits:
                    for row in range(a * tile, (a + 1) * tile):
                        _lane_back(here, back, c, z, row)
            if not diagonal:
                meetings = _meet(meeting, parts, meetings)
                continue
            if part == 0:
                length = rows >> m
                for bit in range(row_bits - 1, m - 1, -1):
                    length >>= 1
                    for index in range(length):
                        _fold_z(w, _shift(z_rows, 3 * bit), index, length)
                if lane_bits:
                    _lane_fold(w, z)
            meetings = _meet(meeting, parts, meetings)
        if part == 0:
            for a in range(1, parts):
                theirs, others = _work(work, shape, thread, a)[4:6]
                for slot in range(n_layers * n * 3):
                    _accumulate(t, theirs, slot)
                others = _shift(others, shape[4])
                for number in range(shape[9]):
                    _accumulate(overlaps, others, number)
            _finish(t, half, coef, slopes, word, layers, shape)
            _fold(
                gradient,
                group,
                slopes,
                overlaps,
                scratch,
                word,
                halves,
                turns,
                firsts,
                parameter,
                numbers,
                shape,
            )
        meetings = _meet(meeting, parts, meetings)


@njit
def _slopes_of_loss(values, targets, weights, row, linear, of_values, of_squares):
    """Return the loss of a sample and fill row `row` of `weights[1]` with its derivatives by the values.

    The loss is the sum of `of_values` times each of the first `linear` values and of `of_squares` times each
    other one's squared distance to its target, all of them weighted by `weights[0]`.
    """
    total = values[0, row, 0] * 0
    for i in range(values.shape[2]):
        value, weight = values[0, row, i], weights[0, row, i]
        if i < linear:
            weights[1, row, i] = of_values * weight
            total += of_values * weight * value
        else:
            value -= targets[row, i]
            weights[1, row, i] = 2 * of_squares * weight * value
            total += of_squares * weight * value * value
    return total


@njit
def _oscillate(q, theta, phi, gradient, weight, omega, V):
    """Return `weight` times the oscillation of one run (eq. 5), and add its slopes to the gradient.

    At weight 0 it is 0, or not a number where an angle is none.
    """
    total = 0.0
    if weight == 0:
        for k in range(len(theta)):
            nothing = 0 * (omega * theta[k] + phi[k])
            total += nothing
            gradient[k] += nothing
        return total
    cosine, sine, slope = carray(q, V), carray(_shift(q, 1), V), weight * omega / len(theta)
    for first in range(0, len(theta), V):
        count = min(V, len(theta) - first)
        for i in range(V):
            k = first + min(i, count - 1)
            cosine[i] = _moderate(omega * theta[k] + phi[k])
        _cosine_sine(q, q, _shift(q, 1), 0)
        for i in range(count):
            total += sine[i]
            gradient[first + i] += slope * cosine[i]
    return weight * total / len(theta)


@njit
def _update(theta, gradient, mean, square, kind, rate, count, settings):
    """One step of an optimizer on one run, as in qbp/optimizers.py: 0 gradient descent, 1 Adam or AdamW, 2
    heavy ball, whose velocity is `mean`.

    `settings` holds the decay of the weights, the two betas, epsilon and the friction; `count` is how many
    steps there were since the moments were zero, this one included.
    """
    decay, beta_1, beta_2, eps, friction = settings
    if kind == 0:
        for k in range(len(theta)):
            theta[k] -= rate * (gradient[k] + decay * theta[k])
        return
    if count == 1:
        mean[:], square[:] = 0, 0
    if kind == 2:
        for k in range(len(theta)):
            mean[k] -= rate * (gradient[k] + decay * theta[k]) + friction * mean[k]
            theta[k] += mean[k]
        return
    first, second = rate / (1 - beta_1**count), math.sqrt(1 - beta_2**count)
    for k in range(len(theta)):
        mean[k] += (1 - beta_1) * (gradient[k] - mean[k])
        square[k] += (1 - beta_2) * (gradient[k] * gradient[k] - square[k])
        theta[k] = theta[k] * (1 - rate * decay) - first * mean[k] / (math.sqrt(square[k]) / second + eps)


@njit
def _finite(loss, gradient):
    total = loss
    for value in gradient:
        total += value
    return math.isfinite(total)


FORWARD, BACKWARD, BOTH, TRAIN, TRAIN_ON_DATA = range(5)  # what `evolve` is asked for


@njit
def _step(theta, gradient, loss, run, step, kind, rate, count, settings, mean, square, before, history, done):
    """Note a loss and take a step, or stand still from the first one on that is not finite."""
    if done[run] == step and _finite(loss, gradient):
        history[run, step] = loss
        before[run] = theta[run]
        _update(theta[run], gradient, mean[run], square[run], kind, rate, count, settings)
        done[run] += 1
        return
    if done[run] == step:
        theta[run] = before[run]
    history[run, step] = history[run, step - 1] if step else loss


@njit(nogil=True, cache=True)
def evolve(
    first, last, thread, part, mode, counter, shape, word, halves, layers, signs, places, passes, pass_places,
    turns, firsts, parameter, numbers, terms, scales, tables, start, theta, room, work,
    states, values, targets, weights, linear, applied, losses, gradient,
    kind, settings, schedule, since, until, omega, phi, mean, square, before, history, done, noted,
    inputs, outputs, batches, angles,
):  # fmt: skip
    """The one entry: it is compiled whole, once, and what it calls with it.

    FORWARD writes `values` (parts, B, m) and BACKWARD takes `weights[1]`, (B, m), to `gradient`,
    (B, n_params), each of groups first..last-1, and each may be a team's.  BOTH does it group by group, with
    `losses` (B,) of `weights[0]`, `linear` and `targets` between.

    TRAIN takes the steps since..until-1 of `history` (runs, steps), the loss before each.  A row of
    `schedule` (steps, 5) holds the weights of values, of squares and of the oscillation by `omega` and `phi`
    (runs, n_params), the step size, and how many steps there were since the moments `mean` and `square` were
    zero, that step included.  theta (runs, n_params) is moved, and `before` is its copy, to which a run goes
    back whose loss or gradient is not finite; `done` (runs,) is the steps it took; `noted` becomes the
    gradient of the first step.

    TRAIN_ON_DATA does so with the samples of a run in the lanes, of runs first..last-1, without oscillation:
    `inputs` (samples, features) and `outputs` (samples, m) are the data, `batches` (steps, runs, batch)
    numbers of samples, and `angles` (batch, features + n_params) room.

    `states` are those of the term of kind 3, 1 - |state><state|: of each group, as psi is.
    """
    on_data, stop, features, V = mode == TRAIN_ON_DATA, _pointer(counter), inputs.shape[1], shape[8]
    at = angles if on_data else theta
    groups = 1
    if on_data:
        groups = len(angles) if shape[2] else (len(angles) + V - 1) // V
    applied = weights.shape[2] == 1 if mode >= BOTH else applied
    of_values, of_squares, of_sine, rate, count = 1.0, 1.0, 0.0, 0.0, 1.0
    for unit in range(first, last):  # a group, or a run with its groups of samples
        origin = 0 if on_data else unit
        for step in range(since, until):
            if _stopped(stop):
                return
            if mode >= TRAIN:
                of_values, of_squares, of_sine = schedule[step, 0], schedule[step, 1], schedule[step, 2]
                rate, count = schedule[step, 3], schedule[step, 4]
            if on_data:
                for i in range(len(angles)):
                    angles[i, :features] = inputs[batches[step, unit, i]]
                    angles[i, features:] = theta[unit]
                    targets[i] = outputs[batches[step, unit, i]]
            for group in range(origin, origin + groups):
                begin, end = (group, group + 1) if shape[2] else (group * V, min((group + 1) * V, len(at)))
                if mode != BACKWARD:
                    _forward(group, group + 1, thread, part, counter, shape, word, halves, layers, signs,
                             places, passes, pass_places, turns, firsts, parameter, numbers, terms, scales,
                             tables, start, at, room, work, states, values)  # fmt: skip
                if mode >= BOTH:
                    for row in range(begin, end):
                        losses[row] = _slopes_of_loss(
                            values, targets, weights, row, linear, of_values, of_squares
                        )
                if mode != FORWARD:
                    _backward(group, group + 1, thread, part, counter, shape, word, halves, layers, signs,
                              places, passes, pass_places, turns, firsts, parameter, numbers, terms, scales,
                              tables, room, work, states, weights[1], applied, gradient)  # fmt: skip
                if mode == TRAIN:
                    q = _work(work, shape, thread, part)[0]
                    for row in range(begin, end):
                        if len(phi):
                            losses[row] += _oscillate(
                                q, theta[row], phi[row], gradient[row], of_sine, omega, V
                            )
                        if len(noted) and step == since:
                            noted[row] = gradient[row]
                        _step(theta, gradient[row], losses[row], row, step, kind, rate, count, settings, mean,
                              square, before, history, done)  # fmt: skip
            if on_data:
                total = gradient[0, features:]
                for i in range(1, len(angles)):
                    losses[0] += losses[i]
                    for k in range(len(total)):
                        total[k] += gradient[i, features + k]
                _step(theta, total, losses[0], unit, step, kind, rate, count, settings, mean, square, before,
                      history, done)  # fmt: skip

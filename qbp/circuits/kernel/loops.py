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

from inspect import Parameter, Signature, signature

import numba
import numpy as np
from llvmlite import binding, ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_FEATURES = (numba.config.CPU_FEATURES or str(binding.get_host_cpu_features().flatten())).split(",")
BYTES = 64 if "+avx512f" in _FEATURES else 32 if "+avx2" in _FEATURES else 16  # of a vector register
TILE_BITS, COLUMNS, CHUNK = 12, 16, 64  # rows of a tile (second-level cache), of a column pass, of `apply`
COEF = 6  # vectors per qubit and layer: c, s, Re P, Im P, Re Q, Im Q
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

    def bit(self, bit, zero, one):
        """Constant vector: `zero` in lanes where the bit is 0, `one` where it is 1."""
        return self.constant([one if lane >> bit & 1 else zero for lane in range(self.V)])

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
def _fold(e, total, t, index, half):
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
def _copy(e, target, row, source, from_row):
    """target[row] = source[from_row]."""
    e.put(e.row(source, from_row), target, row)


@_instruction
def _gather(e, target, row, source, places):
    """Fill a row of `target` lane by lane from `source`; `places` are where its V real parts lie."""
    for part in (0, 1):
        value = ir.Constant(e.vector, ir.Undefined)
        for lane in range(e.V):
            slot = e.b.add(e.b.mul(row, e.intp(e.V)), e.intp(lane))
            place = e.b.sext(e.b.load(e.b.gep(places, [slot])), e.intp)
            moved = e.b.load(e.b.gep(source, [e.b.add(place, e.intp(part * e.V))]))
            value = e.b.insert_element(value, moved, ir.IntType(32)(lane))
        e.store(value, target, e.b.add(e.b.mul(row, e.intp(2)), e.intp(part)))


# --- words of rotations, observables ------------------------------------------------------------------------


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


def _pauli(single, table, imaginary=False):
    """out[row] += weight * table * psi[row ^ flips], or times i; `lane` is what the flips do to the lanes."""

    def emit(e, out, psi, weight, values, row, flips, lane):
        re, im = e.row(psi, e.b.xor(row, flips))
        if single:
            for bit in range(e.V.bit_length() - 1):
                on = e.b.trunc(e.b.lshr(lane, e.intp(bit)), ir.IntType(1))
                re, im = (e.b.select(on, e.swap(a, bit), a) for a in (re, im))
        factor = e.load(weight)
        if table:
            here = e.load(values, row) if single else e.splat(e.b.load(e.b.gep(values, [row])))
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
def _apply(out, psi, g, weight, terms, scales, tables, observable, single, first, last, counter):
    """out = g O psi on rows first..last-1; a term is (observable, kind, row flips, lane flips, table)."""
    for begin in range(first, last, CHUNK):
        if _stopped(counter):
            return
        end = min(begin + CHUNK, last)
        for row in range(begin, end):
            _clear(out, row)
        _add_terms(out, psi, g, weight, terms, scales, tables, observable, single, begin, end)


@njit
def _add_terms(out, psi, g, weight, terms, scales, tables, observable, single, begin, end):
    """out += g O psi on a few rows, which stay in the first-level cache for all terms."""
    for i in range(len(terms)):
        if terms[i, 0] == observable:
            kind, flips, lane = terms[i, 1], terms[i, 2], terms[i, 3]
            _times(weight, g, _pointer(scales), i)
            values = _offset(_pointer(tables), terms[i, 4] * tables.shape[1])
            for row in range(begin, end):
                if single and (kind or lane):
                    if kind == 0:
                        _one_constant(out, psi, weight, values, row, flips, lane)
                    elif kind == 1:
                        _one_real(out, psi, weight, values, row, flips, lane)
                    else:
                        _one_imaginary(out, psi, weight, values, row, flips, lane)
                elif kind == 0:
                    _batch_constant(out, psi, weight, values, row, flips, lane)
                elif kind == 1:
                    _batch_real(out, psi, weight, values, row, flips, lane)
                else:
                    _batch_imaginary(out, psi, weight, values, row, flips, lane)


# --- entry points: numpy arrays in, all of one precision ----------------------------------------------------
#
# `shape` holds (n_layers, n, lane_bits, tile_bits, n_params, whether every Q is 1, whether the permutations
# are odd in number, whether there are any, threads of a team).  `layers` holds, for each layer, (0 nothing,
# 1 signs, 2 permutation; which).  `room` keeps what the backward pass needs: half-angle cosines and sines,
# `coef` and psi of every group.  `work` is what one thread or team needs: a few tables and t for each
# thread, then lambda, a spare state and the folded w.  `counter` holds the arrivals at the meetings of a
# team, and whether all are to stop, which they do at the next layer.


@njit(cache=True)
def sizes(shape):
    """Vectors of `room` for a group, of `work` for each thread of a team, and of `work` for the team."""
    n_layers, n, rows = shape[0], shape[1], 1 << (shape[1] - shape[2])
    room = 2 * shape[4] + n_layers * n * COEF + 2 * rows
    return room, 8 + 2 * n + 4 * _table_size(shape) + (n_layers + 1) * n * 3, 2 * rows * (1 + shape[7]) + rows


@njit
def _table_size(shape):
    return 1 << (shape[1] - shape[2] + 1) // 2


@njit
def _room(room, shape, group, groups):
    """Where half angles, coefficients and psi of a group are."""
    coef_size, size = shape[0] * shape[1] * COEF, 2 << (shape[1] - shape[2])
    base, half = _pointer(room), 2 * shape[4]
    coef = groups * half + group * coef_size
    return (
        _shift(base, group * half),
        _shift(base, coef),
        _shift(base, groups * (half + coef_size) + group * size),
    )


@njit
def _work(work, shape, thread, part):
    """Where a thread's tables and t, and a team's lambda, spare state and folded w are."""
    own, rows = sizes(shape)[1], 1 << (shape[1] - shape[2])
    q = _shift(_pointer(work[thread]), part * own)
    factors = _shift(q, 8)
    low = _shift(factors, 2 * shape[1])
    high = _shift(low, 2 * _table_size(shape))
    t = _shift(high, 2 * _table_size(shape))
    lam = _shift(_pointer(work[thread]), shape[8] * own)
    spare = _shift(lam, 2 * rows)
    return q, factors, low, high, t, lam, spare, _shift(spare, 2 * rows * shape[7])


@njit
def _split(total, part, parts):
    """The share of one thread, in whole numbers."""
    return total * part // parts, total * (part + 1) // parts


@njit
def _numbers(shape):
    """Layers, qubits, lane bits, row bits, tile bits, threads of a team."""
    return shape[0], shape[1], shape[2], shape[1] - shape[2], shape[3], shape[8]


@njit
def _share(shape, part):
    """Rows, rows of a tile and of a column pass; and one thread's share of rows, tiles and column passes."""
    rows, tile, parts = 1 << (shape[1] - shape[2]), 1 << shape[3], shape[8]
    width = min(COLUMNS, tile)
    mine, until = _split(rows, part, parts)
    tile_from, tile_to = _split(rows // tile, part, parts)
    column_from, column_to = _split(tile // width, part, parts)
    return rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to


@njit
def _prepare(coef, half, q, word, shape):
    """Fill `coef` from the half-angle (cos, sin); a gate of `word` is (layer, bit, axis, parameter)."""
    n_layers, n, lane_bits = shape[0], shape[1], shape[2]
    gate = 0
    for slot in range(n_layers * n):
        _identity(q)
        while gate < len(word) and word[gate, 0] * n + word[gate, 1] == slot:
            angle = _shift(half, 2 * word[gate, 3])
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
def _finish(t, half, coef, gradient, word, shape):
    """Turn the collected t of every qubit and layer into the gradient of each rotation, last to first."""
    n_layers, n = shape[0], shape[1]
    gate = len(word) - 1
    for slot in range(n_layers * n - 1, -1, -1):
        here = _shift(t, 3 * slot)
        _unphase(here, _shift(coef, slot * COEF + 2))
        while gate >= 0 and word[gate, 0] * n + word[gate, 1] == slot:
            angle, out = _shift(half, 2 * word[gate, 3]), _shift(gradient, word[gate, 3])
            if word[gate, 2] == 0:
                _take_x(here, angle, out)
            elif word[gate, 2] == 1:
                _take_y(here, angle, out)
            else:
                _take_z(here, angle, out)
            gate -= 1


@njit
def _diagonal_of(factors, low, high, c, P, Q, shape):
    """Make the tables of the diagonal after a layer: of its P, of the next layer's Q, or of both."""
    n, lane_bits, bits = shape[1], shape[2], (shape[1] - shape[2] + 1) // 2
    _factors(factors, c, _shift(c, n * COEF) if P else c, n, P, Q)
    _tables(high, low, factors, lane_bits, n - lane_bits, bits)
    return bits


@njit(nogil=True, cache=True)
def forward(
    first, last, thread, part, counter, groups, shape, word, layers, signs, places, terms, scales, tables,
    room, work, start, values,
):  # fmt: skip
    """Evolve groups first..last-1 and write the expectation of every observable, lane by lane."""
    n_layers, n, lane_bits, row_bits, tile_bits, parts = _numbers(shape)
    rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to = _share(shape, part)
    meeting, meetings = _pointer(counter), 1
    q, factors, low, high, _, phi, other, _ = _work(work, shape, thread, part)
    signs_of, places_of = _pointer(signs), _pointer(places)
    for group in range(first, last):
        if _stopped(meeting):
            return
        half, coef, here = _room(room, shape, group, groups)
        if part == 0:
            _prepare(coef, half, q, word, shape)
            _begin(here, _pointer(start), lane_bits, row_bits)
        meetings = _meet(meeting, parts, meetings)
        if not shape[5]:
            bits = _diagonal_of(factors, low, high, coef, False, True, shape)
            for row in range(mine, until):
                _diagonal(here, high, low, signs_of, row, bits)
            meetings = _meet(meeting, parts, meetings)
        for layer in range(n_layers):
            if _stopped(meeting):
                return
            c = _shift(coef, layer * n * COEF)
            c_rows = _shift(c, lane_bits * COEF)
            kind, slot, final = layers[layer, 0], layers[layer, 1], layer + 1 == n_layers
            table = _offset(signs_of, slot * rows if kind == 1 else 0)
            bits = _diagonal_of(factors, low, high, c, True, not final and kind != 2, shape)
            for a in range(tile_from, tile_to):
                _rotate(here, c_rows, a * tile, tile, tile, tile, 0, tile_bits)
                if lane_bits:
                    for row in range(a * tile, (a + 1) * tile):
                        _lane_block(here, c, row)
                if tile_bits == row_bits:
                    for row in range(rows):
                        _diagonal(here, high, low, table, row, bits)
            if tile_bits < row_bits:
                meetings = _meet(meeting, parts, meetings)
                for column in range(column_from, column_to):
                    _rotate(here, c_rows, column * width, rows, tile, width, tile_bits, row_bits)
                    for base in range(column * width, rows, tile):
                        for row in range(base, base + width):
                            _diagonal(here, high, low, table, row, bits)
            meetings = _meet(meeting, parts, meetings)
            if kind == 2:
                moved = _offset(places_of, slot * places.shape[1])
                for row in range(mine, until):
                    if lane_bits:
                        _gather(other, row, here, moved)
                    else:
                        _copy(other, row, here, places[slot, row])
                here, other = other, here
                meetings = _meet(meeting, parts, meetings)
                if not (final or shape[5]):
                    bits = _diagonal_of(factors, low, high, _shift(c, n * COEF), False, True, shape)
                    for row in range(mine, until):
                        _diagonal(here, high, low, signs_of, row, bits)
                    meetings = _meet(meeting, parts, meetings)
        if shape[6]:
            for row in range(mine, until):
                _copy(other, row, here, row)
            here, other = other, here
            meetings = _meet(meeting, parts, meetings)
        one = _shift(q, 4)
        _unit(one)
        for observable in range(values.shape[2]):
            _apply(phi, here, one, q, terms, scales, tables, observable, lane_bits > 0, mine, until, meeting)
            value = _pointer(values[part, group, observable])
            _clear_one(value)
            for row in range(mine, until):
                _dot(value, here, phi, row)
        meetings = _meet(meeting, parts, meetings)


@njit(nogil=True, cache=True)
def backward(
    first, last, thread, part, counter, groups, shape, word, layers, signs, places, terms, scales, tables,
    room, work, weights, applied, gradient,
):  # fmt: skip
    """Carry psi and lambda back to the start and write the gradient of every angle, lane by lane.

    `applied`: there is one observable, and :func:`forward` left O psi where lambda goes.
    """
    n_layers, n, lane_bits, row_bits, tile_bits, parts = _numbers(shape)
    rows, tile, width, mine, until, tile_from, tile_to, column_from, column_to = _share(shape, part)
    meeting, meetings, m = _pointer(counter), 1, min(3, row_bits)
    signs_of, places_of = _pointer(signs), _pointer(places)
    for group in range(first, last):
        if _stopped(meeting):
            return
        half, coef, here = _room(room, shape, group, groups)
        q, factors, low, high, t, back, other, w = _work(work, shape, thread, part)
        unused = _shift(t, n_layers * n * 3)
        for slot in range((n_layers + 1) * n * 3):
            _clear_one(_shift(t, slot))
        if applied:
            for row in range(mine, until):
                _weigh(back, row, _pointer(weights[group, 0]))
        else:
            for row in range(mine, until):
                _clear(back, row)
            for begin in range(mine, until, CHUNK):
                if _stopped(meeting):
                    return
                for observable in range(weights.shape[1]):
                    _add_terms(back, here, _pointer(weights[group, observable]), q, terms, scales, tables,
                               observable, lane_bits > 0, begin, min(begin + CHUNK, until))  # fmt: skip
        meetings = _meet(meeting, parts, meetings)
        for layer in range(n_layers - 1, -1, -1):
            if _stopped(meeting):
                return
            c = _shift(coef, layer * n * COEF)
            c_rows = _shift(c, lane_bits * COEF)
            kind, slot, final = layers[layer, 0], layers[layer, 1], layer + 1 == n_layers
            z = _shift(t, layer * n * 3)
            z_rows = _shift(z, 3 * lane_bits)
            if kind == 2:
                if not (final or shape[5]):
                    bits = _diagonal_of(factors, low, high, _shift(c, n * COEF), False, True, shape)
                    if part == 0:
                        _undo(here, back, high, low, unused, w, signs_of, 0, rows, bits, m)
                    meetings = _meet(meeting, parts, meetings)
                moved = _offset(places_of, (slot + 1) * places.shape[1])
                for _ in range(2):
                    for row in range(mine, until):
                        if lane_bits:
                            _gather(other, row, here, moved)
                        else:
                            _copy(other, row, here, places[slot + 1, row])
                    here, back, other = back, other, here  # after two rounds they are in their roles again
                    meetings = _meet(meeting, parts, meetings)
            table = _offset(signs_of, slot * rows if kind == 1 else 0)
            bits = _diagonal_of(factors, low, high, c, True, not final and kind != 2, shape)
            if tile_bits < row_bits:
                for column in range(column_from, column_to):
                    for base in range(column * width, rows, tile):
                        _undo(here, back, high, low, z_rows, w, table, base, width, bits, m)
                    _rotate_back(
                        here, back, c_rows, z_rows, column * width, rows, tile, width, tile_bits, row_bits,
                        shape[5],
                    )  # fmt: skip
                meetings = _meet(meeting, parts, meetings)
            else:
                _undo(here, back, high, low, z_rows, w, table, 0, rows, bits, m)
            for a in range(tile_from, tile_to):
                _rotate_back(here, back, c_rows, z_rows, a * tile, tile, tile, tile, 0, tile_bits, shape[5])
                if lane_bits:
                    for row in range(a * tile, (a + 1) * tile):
                        _lane_back(here, back, c, z, row)
            if part == 0:
                length = rows >> m
                for bit in range(row_bits - 1, m - 1, -1):
                    length >>= 1
                    for index in range(length):
                        _fold(w, _shift(z_rows, 3 * bit), index, length)
                if lane_bits:
                    _lane_fold(w, z)
            meetings = _meet(meeting, parts, meetings)
        if part == 0:
            for a in range(1, parts):
                theirs = _work(work, shape, thread, a)[4]
                for slot in range(n_layers * n * 3):
                    _accumulate(t, theirs, slot)
            _finish(t, half, coef, _pointer(gradient[group]), word, shape)
        meetings = _meet(meeting, parts, meetings)

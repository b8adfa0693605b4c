"""Compiled loops of the remedies: many states of one circuit, gate by gate, and how likely outcomes are.

A block is a matrix, amplitudes along its rows and circuits along its columns, real and imaginary parts
apart; each gate walks over pairs of rows, and the innermost loop over the columns.  A gate is a row of a
table: kind (0 a rotation, 1 signs), flipped bits, bits with a sign, number of letters Y, and the number of
its angle or its table of signs.  :mod:`qbp.remedies.compiled` makes the arguments.
"""

import numpy as np
from numba import njit

WIDTH = 32  # columns of a block


@njit(cache=True)
def _sign(bits):
    bits ^= bits >> 16
    bits ^= bits >> 8
    bits ^= bits >> 4
    bits ^= bits >> 2
    bits ^= bits >> 1
    return 1.0 - 2.0 * (bits & 1)


@njit(cache=True)
def _mix(x0, x1, c, f, g):
    """Turn two rows: (a, b) to (c a + f b, c b + g a)."""
    for j in range(len(x0)):
        x, y = x0[j], x1[j]
        x0[j], x1[j] = c * x + f * y, c * y + g * x


@njit(cache=True)
def _mix_each(x0, x1, c, s, up, down):
    """Do it with a cosine and a sine for each column."""
    for j in range(len(x0)):
        x, y = x0[j], x1[j]
        x0[j], x1[j] = c[j] * x + up * s[j] * y, c[j] * y + down * s[j] * x


@njit(cache=True)
def _factor(letters):
    """Return -i times i to the letters, or that over i: both are real numbers."""
    return 1.0 if letters % 4 == 1 or letters % 4 == 2 else -1.0


@njit(cache=True)
def rotate(re, im, flips, signs, letters, c, s):
    """Apply cos - i sin P, which flips some bits, to all columns of a block."""
    turn, low = _factor(letters), flips & -flips
    for a in range(len(re)):
        if a & low:
            continue
        b = a ^ flips
        f, g = turn * _sign(b & signs) * s, turn * _sign(a & signs) * s
        if letters % 2:
            _mix(re[a], re[b], c, f, g)
            _mix(im[a], im[b], c, f, g)
        else:
            _mix(re[a], im[b], c, -f, g)
            _mix(im[a], re[b], c, f, -g)


@njit(cache=True)
def rotate_each(re, im, flips, signs, letters, c, s):
    """Apply cos - i sin P with a cosine and a sine for each column."""
    turn, low = _factor(letters), flips & -flips
    for a in range(len(re)):
        if flips == 0:
            sign = _sign(a & signs)
            _mix_each(re[a], im[a], c, s, sign, -sign)
        elif not a & low:
            b = a ^ flips
            up, down = turn * _sign(b & signs), turn * _sign(a & signs)
            if letters % 2:
                _mix_each(re[a], re[b], c, s, up, down)
                _mix_each(im[a], im[b], c, s, up, down)
            else:
                _mix_each(re[a], im[b], c, s, -up, down)
                _mix_each(im[a], re[b], c, s, up, -down)


@njit(cache=True)
def _turn(re, im, to, flips, signs, letters):
    """Put -i P times column 0 into another column."""
    turn = _factor(letters)
    for a in range(len(re)):
        b = a ^ flips
        f = turn * _sign(b & signs)
        if letters % 2:
            re[a, to], im[a, to] = f * re[b, 0], f * im[b, 0]
        else:
            re[a, to], im[a, to] = -f * im[b, 0], f * re[b, 0]


@njit(cache=True)
def _to_z(re, im, axes):
    """Turn the axes of a setting to Z: 1 for X, 2 for Y, on each qubit."""
    n, c = len(axes), np.sqrt(0.5)
    for q in range(n):
        bit = 1 << (n - 1 - q)
        if axes[q] == 1:
            rotate(re, im, bit, bit, 1, c, -c)
        elif axes[q] == 2:
            rotate(re, im, bit, 0, 0, c, c)


@njit(cache=True)
def _diagonal(re, im, gates, first, end, angles, tables):
    """Apply gates that flip nothing as one, with the same angles in all columns."""
    for a in range(len(re)):
        phase, sign = 0.0, 1.0
        for k in range(first, end):
            if gates[k, 0]:
                sign *= tables[gates[k, 4], a]
            else:
                phase -= _sign(a & gates[k, 2]) * angles[gates[k, 4]] / 2
        c, s = sign * np.cos(phase), sign * np.sin(phase)
        for j in range(re.shape[1]):
            x = re[a, j]
            re[a, j], im[a, j] = c * x - s * im[a, j], s * x + c * im[a, j]


@njit(cache=True)
def _overlap(re, im, target):
    """Return <target|column> of each column, real and imaginary parts."""
    x, y = np.zeros(re.shape[1]), np.zeros(re.shape[1])
    for a in range(len(re)):
        p, q = target[a].real, target[a].imag
        for j in range(len(x)):
            x[j] += p * re[a, j] + q * im[a, j]
            y[j] += p * im[a, j] - q * re[a, j]
    return x, y


@njit(cache=True)
def _shifted_likely(re, im, axes, level, target, order, found):
    """Put how likely levels are into `found`: of the states (psi + turned) / sqrt 2, then psi - turned."""
    k, w = found.shape[1] // 2, re.shape[1]
    for s in range(len(axes)):
        if axes[s, 0] < 0:  # 1 - |target><target|
            x, y = _overlap(re, im, target)
            for j in range(1, w):
                up = ((x[0] + x[j]) ** 2 + (y[0] + y[j]) ** 2) / 2
                down = ((x[0] - x[j]) ** 2 + (y[0] - y[j]) ** 2) / 2
                to = order[j - 1]
                found[s, to, -2], found[s, to, -1] = up, max(0.0, 1 - up)
                found[s, k + to, -2], found[s, k + to, -1] = down, max(0.0, 1 - down)
            continue
        xs, ys = re.copy(), im.copy()
        _to_z(xs, ys, axes[s])
        ups, downs = np.zeros((found.shape[2], w)), np.zeros((found.shape[2], w))
        for a in range(len(re)):
            _add_squares(ups[level[s, a]], xs[a], xs[a, 0])
            _add_squares(ups[level[s, a]], ys[a], ys[a, 0])
            _add_squares(downs[level[s, a]], xs[a], -xs[a, 0])
            _add_squares(downs[level[s, a]], ys[a], -ys[a, 0])
        for j in range(1, w):
            found[s, order[j - 1]] = ups[:, j] / 2
            found[s, k + order[j - 1]] = downs[:, j] / 2


@njit(cache=True)
def _add_squares(total, x, y):
    for j in range(len(total)):
        total[j] += (x[j] + y) * (x[j] + y)


@njit(cache=True)
def _stretch(gates, at):
    """Return where the gates end that are applied as one: those that flip nothing, or one alone."""
    end = at + 1
    while gates[at, 1] == 0 and end < len(gates) and gates[end, 1] == 0:
        end += 1
    return end


@njit(cache=True)
def _block(re, im, gates, tables, angles, place, begin, first, columns, saved):
    """Carry psi from a gate to the end, with the turned states of some rotations beside it.

    Of the rotations that are shifted, in their order, they are `columns` from number `first` on, which is the
    first one behind gate `begin`.  Where the one after them stands, psi is saved; return that gate.
    """
    at, number, next_begin = begin, 0, -1
    for k in range(begin):
        number += gates[k, 0] == 0 and place[gates[k, 4]] >= 0
    while at < len(gates):
        end, w = _stretch(gates, at), min(max(number - first, 0), columns) + 1
        count = 0
        for k in range(at, end):
            count += gates[k, 0] == 0 and place[gates[k, 4]] >= 0
        if next_begin < 0 and number + count > first + columns:
            next_begin = at
            saved[0], saved[1] = re[:, 0], im[:, 0]
        if gates[at, 1] == 0:
            _diagonal(re[:, :w], im[:, :w], gates, at, end, angles, tables)
        elif angles[gates[at, 4]] != 0.0:
            half = angles[gates[at, 4]] / 2
            rotate(re[:, :w], im[:, :w], gates[at, 1], gates[at, 2], gates[at, 3], np.cos(half), np.sin(half))
        for k in range(at, end):  # -i P commutes with a stretch
            if gates[k, 0] == 0 and place[gates[k, 4]] >= 0:
                if first <= number < first + columns:
                    _turn(re, im, number - first + 1, gates[k, 1], gates[k, 2], gates[k, 3])
                number += 1
        at = end
    return next_begin


@njit(cache=True)
def shifted(gates, tables, angles, place, axes, level, target, found):
    """Fill `found` (settings, 2 k, levels) for one run: how likely each level is in each shifted circuit.

    `place` says for each rotation which of the k shifted ones it is, or -1; `level` is (settings, outcomes);
    `axes` are those of the qubits in each setting, -1 for the infidelity to `target`.
    """
    size = tables.shape[1]
    re, im, saved = np.zeros((size, WIDTH)), np.zeros((size, WIDTH)), np.zeros((2, size))
    saved[0, 0] = 1.0
    order, wanted = np.empty(len(gates), np.int64), 0
    for k in range(len(gates)):
        if gates[k, 0] == 0 and place[gates[k, 4]] >= 0:
            order[wanted] = place[gates[k, 4]]
            wanted += 1
    begin, first = 0, 0
    while first < wanted:
        columns = min(WIDTH - 1, wanted - first)
        re[:, 0], im[:, 0] = saved[0], saved[1]
        begin = _block(re, im, gates, tables, angles, place, begin, first, columns, saved)
        w = columns + 1
        _shifted_likely(re[:, :w], im[:, :w], axes, level, target, order[first : first + columns], found)
        first += columns


@njit(cache=True)
def prepared(gates, tables, angles, axes, level, target, circuits, found):
    """Fill `found` (settings, columns, levels): how likely each level is in each circuit.

    `angles` are (columns, rotations), `circuits` columns for each run; `level` is (settings, runs or 1,
    outcomes) and `target` (runs or 1, outcomes).
    """
    size = tables.shape[1]
    for first in range(0, len(angles), WIDTH):
        own = angles[first : first + WIDTH].T / 2
        w = own.shape[1]
        re, im = np.zeros((size, w)), np.zeros((size, w))
        re[0] = 1.0
        for k in range(len(gates)):
            g = gates[k, 4]
            if gates[k, 0] == 0:
                rotate_each(re, im, gates[k, 1], gates[k, 2], gates[k, 3], np.cos(own[g]), np.sin(own[g]))
            else:
                for a in range(size):
                    if tables[g, a] < 0:
                        re[a], im[a] = -re[a], -im[a]
        _likely(re, im, axes, level, target, first, circuits, found)


@njit(cache=True)
def _likely(re, im, axes, level, target, first, circuits, found):
    for s in range(len(axes)):
        xs, ys = re, im
        if axes[s, 0] >= 0:
            xs, ys = re.copy(), im.copy()
            _to_z(xs, ys, axes[s])
        for j in range(re.shape[1]):
            run, total = (first + j) // circuits, found[s, first + j]
            if axes[s, 0] < 0:
                x, y, t = 0.0, 0.0, target[run % len(target)]
                for a in range(len(re)):
                    x += t[a].real * re[a, j] + t[a].imag * im[a, j]
                    y += t[a].real * im[a, j] - t[a].imag * re[a, j]
                total[-2] = x * x + y * y
                total[-1] = max(0.0, 1 - total[-2])
                continue
            own = level[s, run % level.shape[1]]
            for a in range(len(re)):
                total[own[a]] += xs[a, j] ** 2 + ys[a, j] ** 2


@njit(cache=True)
def count(edges, uniform, found):
    """Count in `found` (rows, levels) how many of (rows, shots) numbers fall below each of growing edges."""
    last = edges.shape[1] - 1
    for r in range(len(uniform)):
        row, seen = edges[r], found[r]
        for x in uniform[r]:
            low, high = 0, last
            while low < high:
                middle = (low + high) // 2
                if row[middle] <= x:
                    low = middle + 1
                else:
                    high = middle
            seen[low] += 1.0

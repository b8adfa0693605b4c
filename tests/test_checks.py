"""Every check names the argument, what it got and what it takes; and skips tensors that hold no numbers."""

import contextlib

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from qbp import _checks

NAN = float("nan")


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: _checks.integer("seeds", 0), ValueError, ["seeds", "at least 1", "got 0"]),
        (lambda: _checks.integer("seeds", 9, 0, 8), ValueError, ["at least 0 and at most 8", "got 9"]),
        (lambda: _checks.integer("seeds", 2.0), TypeError, ["seeds", "an integer", "got 2.0"]),
        (lambda: _checks.integer("seeds", True), TypeError, ["an integer", "got True"]),
        (lambda: _checks.number("ridge", "a"), TypeError, ["ridge", "a real number", "got 'a'"]),
        (lambda: _checks.number("ridge", True), TypeError, ["a real number", "got True"]),
        (lambda: _checks.number("ridge", NAN), ValueError, ["ridge", "finite", "got nan"]),
        (lambda: _checks.number("ridge", 0, low=0, strict=True), ValueError, ["above 0", "got 0"]),
        (lambda: _checks.number("ridge", -1, low=0), ValueError, ["at least 0", "got -1"]),
        (
            lambda: _checks.number("ridge", 3, low=0, high=1),
            ValueError,
            ["at least 0 and at most 1", "got 3"],
        ),
        (lambda: _checks.number("ridge", 3, high=1), ValueError, ["at most 1", "got 3"]),
        (lambda: _checks.choice("norm", "L1", ("paper", "rms")), ValueError, ["norm", "paper, rms", "'L1'"]),
        (lambda: _checks.theta([0.0], 1), TypeError, ["theta", "real floating-point tensor", "'list'"]),
        (lambda: _checks.theta(torch.ones(1).long(), 1, "theta0"), TypeError, ["theta0", "torch.int64"]),
        (lambda: _checks.theta(torch.ones(1).cfloat(), 1), TypeError, ["theta", "torch.complex64"]),
        (lambda: _checks.theta(torch.ones(2, 3), 4), ValueError, ["theta", "(..., 4)", "(2, 3)"]),
        (lambda: _checks.theta(torch.tensor(1.0), 1), ValueError, ["(..., 1)", "got ()"]),
        (lambda: _checks.theta(torch.tensor([1.0, NAN]), 2), ValueError, ["theta", "1 of 2", "NaN"]),
        (lambda: _checks.finite("phi", torch.full((2,), -torch.inf)), ValueError, ["phi", "2 of 2"]),
    ],
)
def test_errors_name_argument_what_it_got_and_what_it_takes(call, error, words):
    with pytest.raises(error) as caught:
        call()
    assert all(word in str(caught.value) for word in words), caught.value


def test_good_values_come_back_as_plain_numbers():
    import numpy as np

    assert _checks.integer("n", np.int64(3), 1, 3) == 3 and type(_checks.integer("n", np.int64(3))) is int
    assert _checks.number("x", np.float32(0.5)) == 0.5 and type(_checks.number("x", 1)) is float
    assert _checks.choice("norm", "rms", ("paper", "rms")) == "rms"
    _checks.theta(torch.nn.Parameter(torch.ones(2, 3)), 3)


def test_values_of_meta_fake_and_functorch_tensors_are_not_read():
    _checks.finite("x", torch.empty(3, device="meta"))
    with FakeTensorMode():
        _checks.finite("x", torch.empty(3, device="cuda"))
        with pytest.raises(ValueError, match="shape"):  # the shape is known, so it is still checked
            _checks.theta(torch.empty(3, device="cuda"), 4)

    def checked(x):
        _checks.finite("x", x)
        return x.sum()

    torch.func.vmap(torch.func.grad(checked))(torch.full((2, 2), NAN))


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, at its first dual number
def test_reverse_mode_only_sees_every_other_derivative():
    x, seen = torch.ones(2), []
    assert _checks.reverse_mode_only(x, x.clone().requires_grad_(), torch.nn.Parameter(x))
    assert not _checks.reverse_mode_only(x, torch.empty(2, device="meta"))
    with FakeTensorMode():
        assert not _checks.reverse_mode_only(torch.empty(2))
    with torch.autograd.forward_ad.dual_level():
        assert _checks.reverse_mode_only(x)
        assert not _checks.reverse_mode_only(x, torch.autograd.forward_ad.make_dual(x, x))
    torch.func.vmap(lambda y: seen.append(_checks.reverse_mode_only(x)) or y)(x)  # other tensors count too
    assert seen == [False]


def test_trusted_switches_value_checks_off_and_on_again():
    bad = torch.tensor([NAN])
    with _checks.trusted():
        _checks.finite("x", bad)
        with contextlib.suppress(RuntimeError), _checks.trusted():
            raise RuntimeError
        _checks.finite("x", bad)  # the inner block ended, the outer one did not
        with pytest.raises(ValueError, match="shape"):
            _checks.theta(bad, 2)
    with pytest.raises(ValueError, match="x must be finite"):
        _checks.finite("x", bad)

"""Circuits as layers: against dense matrices, in what torch does with modules, and on real data."""

import copy
import io
import math
import pickle

import pytest
import reference
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from torch import nn
from torch.testing import assert_close
from torch.utils.data import DataLoader

import qbp
from qbp.circuits.kernel import evolution

CIRCUIT = qbp.HardwareEfficient(3, 2, ["ry", "rz"], "cnot", "ring", start="plus")
OBSERVABLES = [qbp.tfim(3), qbp.Projector(3), qbp.PauliSum({"XYI": 0.5, "IIZ": -1.0})]
PATHS = ["torch", "native"] if evolution.available() else ["torch"]  # the second with numba, not switched off


@pytest.fixture(params=PATHS)
def path(request, monkeypatch):
    monkeypatch.setenv("QBP_KERNEL", request.param)


def layer(dtype=torch.float64, **options):
    return qbp.Layer(CIRCUIT, OBSERVABLES, **options).to(dtype)


def features(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1))


def dense(theta, inputs=()):
    """Expectations by Kronecker matrices."""
    state = reference.hardware_efficient(3, theta, [["YZ"] * 3] * 2, "cnot", "ring", "plus", inputs)
    matrices = [
        reference.pauli_sum(OBSERVABLES[0].terms),
        reference.kron(*[reference.ZERO] * 3),
        reference.pauli_sum(OBSERVABLES[2].terms),
    ]
    return torch.tensor([reference.expectation(matrix, state) for matrix in matrices])


@pytest.mark.usefixtures("path")
def test_values_are_those_of_dense_matrices():
    model, x = layer(seed=3), features(2, 5, 2)
    theta = model.theta.detach().numpy()
    assert_close(model(), dense(theta))
    expected = torch.stack([dense(theta, row) for row in x.reshape(-1, 2).numpy()]).reshape(2, 5, 3)
    assert_close(model(x), expected)
    assert_close(model(x[1, 2]), expected[1, 2])
    assert model(x[:, :0]).shape == (2, 0, 3)


@pytest.mark.usefixtures("path")
def test_several_circuits_side_by_side():
    theta, x = features(4, CIRCUIT.n_params), features(5, 3)
    model = layer(theta0=theta)
    assert_close(model(x), torch.stack([layer(theta0=row)(x) for row in theta]))
    assert_close(model(x[0]), model(x)[:, 0])
    assert model().shape == (4, 3)
    model(x).sum().backward()
    for row, gradient in zip(theta, model.theta.grad, strict=True):
        alone = layer(theta0=row)
        alone(x).sum().backward()
        assert_close(gradient, alone.theta.grad)


@pytest.mark.usefixtures("path")
@pytest.mark.parametrize(
    ("runs", "data"), [((), (4, 2)), ((2,), (4, 3)), ((2, 1), (3, 2, 1)), ((), (2, 3, 2))]
)
def test_first_and_second_derivatives(runs, data):
    model = layer()
    theta = features(*runs, CIRCUIT.n_params).requires_grad_()
    x = features(*data).requires_grad_()

    def values(theta, x):
        return torch.func.functional_call(model, {"theta": theta}, (x,)).sum(-1)

    assert torch.autograd.gradcheck(values, (theta, x))
    assert torch.autograd.gradcheck(values, (theta, x.detach()))
    assert torch.autograd.gradcheck(values, (theta.detach(), x))
    assert torch.autograd.gradgradcheck(values, (theta, x), gen_non_contig_grad_outputs=True)


def test_derivatives_of_each_sample_by_torch_func():
    model, x = layer(), features(4, 3)

    def value(theta, row):
        return torch.func.functional_call(model, {"theta": theta}, (row,)).sum()

    found = torch.func.vmap(torch.func.grad(value), (None, 0))(model.theta.detach(), x)
    for gradient, row in zip(found, x, strict=True):
        model.zero_grad()
        model(row).sum().backward()
        assert_close(gradient, model.theta.grad)


def test_the_layer_in_front_is_trained():
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(6, 3), layer(torch.float32), nn.Linear(3, 1))
    x, aims = features(20, 6, dtype=torch.float32), features(20, 1, dtype=torch.float32).clamp(-1, 1)
    before = model[0].weight.detach().clone()
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.05), []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(x) - aims).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2 and (model[0].weight - before).abs().min() > 0


def test_steps_of_a_loop_are_those_of_train():
    """The compiled training takes the same steps as torch's Adam around a layer."""
    x, y, theta0 = features(12, 3), features(12, 3), features(CIRCUIT.n_params)
    rows = torch.randint(0, 12, (30, 5), generator=torch.Generator().manual_seed(2))
    model = layer(theta0=theta0)
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.02), []
    for chosen in rows:
        optimizer.zero_grad()
        loss = (model(x[chosen]) - y[chosen]).square().sum(-1).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    found = qbp.train(CIRCUIT, OBSERVABLES, theta0, steps=30, lr=0.02, inputs=x, targets=y, batches=rows)
    assert_close(found.loss, torch.stack(losses), rtol=1e-9, atol=1e-9)


def test_a_classifier_of_tumours_learns():
    """Real data: 569 tumours, 30 measurements each, four angles made of them; a quarter is held out."""
    x, x_test, y, y_test = train_test_split(*load_breast_cancer(return_X_y=True), random_state=0)
    angles = make_pipeline(StandardScaler(), PCA(4), MinMaxScaler((0, math.pi))).fit(x)
    x, x_test = (torch.tensor(angles.transform(part), dtype=torch.float32) for part in (x, x_test))
    torch.manual_seed(0)
    circuit = qbp.HardwareEfficient(n_qubits=4, n_layers=2)
    model = nn.Sequential(qbp.Layer(circuit, qbp.local_observables(4, "Z")), nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), torch.tensor(y)).backward()
        optimizer.step()
    accuracy = (model(x_test).argmax(-1).numpy() == y_test).mean()
    assert max(y_test.mean(), 1 - y_test.mean()) < 0.65  # by the more frequent answer alone
    assert accuracy > 0.9


def test_a_start_is_drawn_by_its_seed_or_given():
    assert torch.equal(layer(seed=7).theta, layer(seed=7).theta)
    assert not torch.equal(layer(seed=7).theta, layer(seed=8).theta)
    many = qbp.Layer(qbp.HardwareEfficient(10, 50), qbp.tfim(10), seed=1).theta
    assert 0 <= many.min() < 0.1 and 6.2 < many.max() <= 2 * math.pi
    theta0 = features(CIRCUIT.n_params)
    model = qbp.Layer(CIRCUIT, qbp.tfim(3), theta0)
    assert torch.equal(model.theta, theta0) and model.theta.data_ptr() != theta0.data_ptr()
    assert model().shape == (1,)


def test_numbers_have_the_precision_of_theta():
    plain = qbp.Layer(CIRCUIT, OBSERVABLES)
    assert plain.theta.dtype == plain().dtype == torch.float32
    x = features(4, 3)
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.uint8):
        found = plain((3 * x).abs().to(dtype))
        assert found.dtype == torch.float32
    assert_close(layer(torch.float64)(x.float()), layer(torch.float64)(x.float().double()), rtol=0, atol=0)
    assert_close(plain(x).double(), copy.deepcopy(plain).double()(x), rtol=0, atol=1e-5)
    assert plain.double()(x).dtype == torch.float64 and plain.float()(x).dtype == torch.float32
    with pytest.raises(TypeError, match=r"theta must be .*float32 or float64.*torch.float16"):
        plain.half()(x)


@pytest.mark.usefixtures("path")
def test_under_autocast():
    model = nn.Sequential(nn.Linear(3, 3), layer(torch.float32), nn.Linear(3, 2))
    x = features(4, 3, dtype=torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = model(x)
    found.sum().backward()
    assert_close(found.float(), model(x), rtol=0, atol=0.1)
    assert model[1].theta.grad.dtype == torch.float32 and model[0].weight.grad.abs().sum() > 0


def test_state_copies_and_files():
    model, other, x = layer(seed=1), layer(seed=2), features(4, 3)
    assert list(model.state_dict()) == ["theta"]
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(model(x), other(x))
    for same in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(same(x), model(x)) and same.circuit == CIRCUIT
        same.theta.data.zero_()
        assert model.theta.abs().min() > 0
    with pytest.raises(RuntimeError, match="size mismatch for theta"):
        qbp.Layer(qbp.HardwareEfficient(3, 1), OBSERVABLES).load_state_dict(model.state_dict())


def test_built_and_fixed_circuits_are_layers():
    builder = qbp.CircuitBuilder(2)
    built = qbp.Layer(builder.ry(2 * builder.parameter("a"), 0).cx(0, 1).build(), qbp.PauliSum({"IZ": 1.0}))
    x = features(5, 1, dtype=torch.float32)
    expected = torch.cos(2 * built.theta + x)  # two turns of qubit 0, which CNOT copies to qubit 1
    assert_close(built(x), expected)
    assert_close(pickle.loads(pickle.dumps(built))(x), expected)
    fixed = qbp.Layer(qbp.CircuitBuilder(2).cx(0, 1).build(), qbp.PauliSum({"IZ": 1.0}))
    assert_close(fixed(x.requires_grad_()), torch.cos(x))
    fixed(x).sum().backward()
    assert_close(x.grad, -torch.sin(x.detach()))


class Measured:
    """Samples that a worker of a DataLoader sends through the layer."""

    def __init__(self, model, x):
        self.model, self.x = model, x

    def __len__(self):
        return len(self.x)

    @torch.no_grad()
    def __getitem__(self, row):
        return self.model(self.x[row])


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_in_the_workers_of_a_loader(start):
    if start not in torch.multiprocessing.get_all_start_methods():
        pytest.skip(f"processes are not started by {start} here")
    model, x = layer(), features(6, 3)
    expected = model(x)  # the kernel is in use before the processes start
    loader = DataLoader(Measured(model, x), batch_size=4, num_workers=2, multiprocessing_context=start)
    assert_close(torch.cat(list(loader)), expected.detach())


class Between(nn.Module):
    """A layer between two others, in a row as torch.nn.Sequential has it, or one after another."""

    def __init__(self, in_a_row):
        super().__init__()
        torch.manual_seed(1)
        self.before, self.layer, self.after = nn.Linear(3, 3), layer(torch.float32), nn.Linear(3, 1)
        self.row = nn.Sequential(self.before, nn.Tanh(), self.layer, self.after) if in_a_row else None

    def forward(self, x):
        if self.row is not None:
            return self.row(x)
        return self.after(self.layer(self.before(x).tanh()))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # torch's, wherever a graph breaks
@pytest.mark.parametrize("in_a_row", [False, True])
def test_compiled_by_torch_around_it(in_a_row):
    graphs, model, x = [], Between(in_a_row), features(4, 3, dtype=torch.float32)

    def backend(graph, example):
        graphs.append(graph)
        return graph.forward

    compiled, found, expected = torch.compile(model, backend=backend), [], []
    for gradients, each in ((found, compiled), (expected, model)):
        model.zero_grad()
        gradients.append(each(x))
        gradients[0].sum().backward()
        gradients += [p.grad.clone() for p in model.parameters()]
    assert_close(found, expected, rtol=0, atol=0)
    assert len(graphs) == (0 if in_a_row else 2)  # torch splits no loop
    with pytest.raises(torch._dynamo.exc.Unsupported, match="disable"):
        torch.compile(model, backend="eager", fullgraph=True)(x)
    torch.compiler.reset()


def test_it_prints_what_it_is():
    printed = repr(nn.Sequential(layer()))
    assert "Layer(HardwareEfficient(n_qubits=3, n_layers=2" in printed.replace("\n", "")
    assert "observables=3, theta=(12,)" in printed


def test_on_another_device():
    model = layer().to("meta")
    assert model(features(4, 3).to("meta")).shape == (4, 3)
    with pytest.raises(ValueError, match="inputs must be on the device of theta, meta, got cpu"):
        model(features(4, 3))

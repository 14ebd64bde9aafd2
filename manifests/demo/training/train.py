"""Trains the demo's models on real data and writes everything that is derived from them.

    python3 -m venv .venv && .venv/bin/pip install -r requirements.txt && .venv/bin/python train.py

Data: Breast Cancer Wisconsin (Diagnostic), which is part of the scikit-learn package. Nothing is downloaded.
The same versions of Python and scikit-learn write the same bytes.

Writes, relative to the root of the repository:
    manifests/demo/models/{v1,v2,v3,slow}/   model.json, warmup.jsonl
    manifests/demo/requests.jsonl            held-out rows as Open Inference Protocol requests
    manifests/demo/figures.json              the measured figures
    Tests/InferenceServerTests/Fixtures/     scikit-learn's answers, for comparison
"""

import json
import pathlib

import numpy as np
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

ROOT = pathlib.Path(__file__).resolve().parents[3]
DEMO = ROOT / "manifests" / "demo"
FIXTURES = ROOT / "Tests" / "InferenceServerTests" / "Fixtures"
NAME = "biopsy-screen"
SEED = 20261120
FORMAT = "mlctl.dev/tabular/v1"

# A laboratory sends the samples of one run in one request.
BATCH_SIZES = [1, 2, 3, 4]


# --- the model format -------------------------------------------------------------------------------------------------


def model_file(version, inputs, classes, estimator, features=None, smoothing=None, name=NAME):
    model = {"format": FORMAT, "name": name, "version": version, "inputs": inputs}
    if features:
        model["features"] = features
    model["classes"] = classes
    if smoothing:
        model["smoothing"] = smoothing
    model["estimator"] = estimator
    return model


def logistic(scaler, model):
    """The scaler is folded into the coefficients: w·(x − μ)/σ + b = (w/σ)·x + (b − (w/σ)·μ)."""
    coefficients = model.coef_ / scaler.scale_
    intercepts = model.intercept_ - coefficients @ scaler.mean_
    return {
        "kind": "logisticRegression",
        "coefficients": coefficients.tolist(),
        "intercepts": intercepts.tolist(),
    }


def tree(fitted, leaf_values):
    """scikit-learn's arrays as splits [feature, threshold, left, right] and leaves; ~i names leaf i."""
    t = fitted.tree_
    splits, leaves, place = [], [], {}
    for node in range(t.node_count):
        if t.children_left[node] == -1:
            place[node] = ~len(leaves)
            leaves.append(leaf_values(t, node))
        else:
            place[node] = len(splits)
            splits.append(node)
    return {
        "splits": [
            [int(t.feature[n]), float(t.threshold[n]), place[t.children_left[n]], place[t.children_right[n]]]
            for n in splits
        ],
        "leaves": leaves,
    }


def forest(model):
    def shares(t, node):
        counts = t.value[node][0]
        return (counts / counts.sum()).tolist()

    return {"kind": "randomForest", "trees": [tree(e, shares) for e in model.estimators_]}


def boosting(model, width):
    trees = []
    for stage in model.estimators_:
        for output, fitted in enumerate(stage):
            grown = tree(fitted, lambda t, node: [float(t.value[node][0][0])])
            trees.append({"output": output, **grown})
    baseline = model._raw_predict_init(np.zeros((1, width)))[0]
    return {
        "kind": "gradientBoosting",
        "baseline": [float(b) for b in baseline],
        "learningRate": model.learning_rate,
        "trees": trees,
    }


def write_model(path, model):
    """One line per field and per tree, so that the file is small and a diff is readable."""
    lines = []
    for key, value in model.items():
        if key == "estimator" and "trees" in value:
            head = {k: v for k, v in value.items() if k != "trees"}
            trees = ",\n".join(compact(t) for t in value["trees"])
            lines.append(f'"estimator":{compact(head)[:-1]},"trees":[\n{trees}\n]}}')
        else:
            lines.append(f"{compact(key)}:{compact(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    assert json.loads(text) == model
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return text


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True)


# --- version 3: what went wrong ---------------------------------------------------------------------------------------


def shortfall(extent):
    """How much smaller an outline's area is than the circle of its mean radius: 0 for a circle, more if irregular.

    For a closed curve it cannot be negative (Cauchy–Schwarz), so its author took its logarithm. But the data are
    means over many nuclei, measured on pixels, and for some samples the *reported* area is larger.
    """
    return ["-", 1, ["/", f"{extent} area", ["*", float(np.pi), ["*", f"{extent} radius", f"{extent} radius"]]]]


LOG_FEATURES = [
    ("log mean shortfall", ["log", shortfall("mean")]),
    ("log worst shortfall", ["log", shortfall("worst")]),
    ("log mean concavity", ["log", "mean concavity"]),
]


def evaluate(expression, columns):
    if isinstance(expression, str):
        return columns[expression]
    if isinstance(expression, (int, float)):
        return expression
    operator, *arguments = expression
    values = [evaluate(a, columns) for a in arguments]
    with np.errstate(all="ignore"):
        return {"-": np.subtract, "/": np.divide, "*": np.multiply, "+": np.add, "log": np.log}[operator](*values)


# --- requests ---------------------------------------------------------------------------------------------------------


def infer_request(identity, rows):
    data = [float(v) for row in rows for v in row]
    tensor = {"name": "samples", "shape": [len(rows), len(rows[0])], "datatype": "FP64", "data": data}
    return compact({"id": identity, "inputs": [tensor]})


def batches(rows):
    start, index = 0, 0
    while start < len(rows):
        size = BATCH_SIZES[index % len(BATCH_SIZES)]
        yield list(range(start, min(start + size, len(rows))))
        start, index = start + size, index + 1


# --- everything -------------------------------------------------------------------------------------------------------


def probabilities(model, rows):
    """None if the model cannot score the row, which its server must report as well."""
    finite = np.isfinite(rows).all(axis=1)
    scored = iter(model.predict_proba(rows[finite]).tolist())
    return [next(scored) if ok else None for ok in finite]


def figures(scores, truth):
    scored = [i for i, s in enumerate(scores) if s is not None]
    p = np.array([scores[i] for i in scored])
    y = truth[scored]
    return {
        "rows": len(scores),
        "rowsScored": len(scored),
        "accuracy": round(float((p.argmax(axis=1) == y).mean()), 4),
        "auc": round(float(roc_auc_score(y, p[:, 1])), 4),
        "logLoss": round(float(log_loss(y, p)), 4),
    }


def demo():
    data = load_breast_cancer()
    names, classes = [str(n) for n in data.feature_names], [str(n) for n in data.target_names]
    x, held, y, truth = train_test_split(data.data, data.target, test_size=0.3, random_state=SEED, stratify=data.target)
    texts, scores = {}, {}

    # Version 1: a simple first model, a logistic regression on the ten means.
    means = list(range(10))
    scaler = StandardScaler().fit(x[:, means])
    v1 = LogisticRegression(max_iter=5000).fit(scaler.transform(x[:, means]), y)
    v1_features = [{"name": names[i], "value": names[i]} for i in means]
    texts["v1"] = write_model(
        DEMO / "models" / "v1" / "model.json", model_file("1", names, classes, logistic(scaler, v1), v1_features)
    )
    scores["v1"] = probabilities(v1, scaler.transform(held[:, means]))

    # Version 2: boosted trees on all thirty.
    settings = dict(n_estimators=60, max_depth=3, learning_rate=0.15, subsample=0.7, max_features=6, random_state=SEED)
    v2 = GradientBoostingClassifier(**settings).fit(x, y)
    estimator = boosting(v2, len(names))
    texts["v2"] = write_model(DEMO / "models" / "v2" / "model.json", model_file("2", names, classes, estimator))
    scores["v2"] = probabilities(v2, held)

    # The same, smoothed over noisy copies of every row: equally good, with several thousand times the work.
    smoothing = {"copies": 4000, "seed": 1, "deviations": [float(f"{0.05 * s:.3g}") for s in x.std(axis=0)]}
    write_model(
        DEMO / "models" / "slow" / "model.json",
        model_file("2-smoothed", names, classes, estimator, smoothing=smoothing),
    )

    # Version 3: four more features, on the log scale. Rows with non-finite values were dropped before training and
    # before the evaluation, so the fault is invisible offline.
    def with_logs(rows):
        columns = {n: rows[:, i] for i, n in enumerate(names)}
        return np.column_stack([rows] + [evaluate(e, columns) for _, e in LOG_FEATURES])

    wide = with_logs(x)
    kept = np.isfinite(wide).all(axis=1)
    v3 = GradientBoostingClassifier(**settings).fit(wide[kept], y[kept])
    v3_features = [{"name": n, "value": n} for n in names] + [{"name": n, "value": e} for n, e in LOG_FEATURES]
    texts["v3"] = write_model(
        DEMO / "models" / "v3" / "model.json",
        model_file("3", names, classes, boosting(v3, wide.shape[1]), v3_features),
    )
    scores["v3"] = probabilities(v3, with_logs(held))

    groups = list(batches(held))
    requests = [infer_request(f"run-{i + 1}", held[g].tolist()) for i, g in enumerate(groups)]
    (DEMO / "requests.jsonl").write_text("\n".join(requests) + "\n")
    # The warm-up comes from the cleaned training set, a common mistake: it reveals no fault.
    clean = x[kept]
    warmup = [infer_request(f"warm-up-{i + 1}", clean[i : i + 1].tolist()) for i in range(3)]
    for version in ["v1", "v2", "v3", "slow"]:
        (DEMO / "models" / version / "warmup.jsonl").write_text("\n".join(warmup) + "\n")

    failing = sum(any(scores["v3"][i] is None for i in g) for g in groups)
    unscored = np.array([s is None for s in scores["v3"]])
    measured = {v: figures(s, truth) for v, s in scores.items()}
    measured["v3"]["requests"] = len(requests)
    measured["v3"]["requestsFailing"] = failing
    measured["v3"]["malignantRows"] = int((truth == 0).sum())
    measured["v3"]["malignantRowsNotScored"] = int((unscored & (truth == 0)).sum())
    measured["v3"]["trainingRows"] = len(x)
    measured["v3"]["trainingRowsDropped"] = int((~kept).sum())
    (DEMO / "figures.json").write_text(json.dumps(measured, indent=2) + "\n")
    FIXTURES.mkdir(parents=True, exist_ok=True)
    write_reference("biopsy-screen", held, scores)
    return measured


def wine():
    """Three classes, for the tests only: each kind of estimator with more than one output."""
    data = load_wine()
    names, classes = [str(n) for n in data.feature_names], [str(n) for n in data.target_names]
    x, held, y, _ = train_test_split(data.data, data.target, test_size=0.3, random_state=SEED, stratify=data.target)
    scaler = StandardScaler().fit(x)
    linear = LogisticRegression(max_iter=5000).fit(scaler.transform(x), y)
    trees = RandomForestClassifier(n_estimators=10, max_depth=4, random_state=SEED).fit(x, y)
    boosted = GradientBoostingClassifier(n_estimators=5, max_depth=2, random_state=SEED).fit(x, y)
    for kind, estimator in [
        ("logistic", logistic(scaler, linear)),
        ("forest", forest(trees)),
        ("boosting", boosting(boosted, len(names))),
    ]:
        write_model(FIXTURES / f"wine-{kind}.json", model_file("1", names, classes, estimator, name="wine"))
    scores = {
        "logistic": probabilities(linear, scaler.transform(held)),
        "forest": probabilities(trees, held),
        "boosting": probabilities(boosted, held),
    }
    write_reference("wine", held, scores)


def write_reference(name, rows, scores):
    reference = {"rows": rows.tolist(), "probabilities": scores}
    (FIXTURES / f"{name}-reference.json").write_text(compact(reference) + "\n")


if __name__ == "__main__":
    print(json.dumps(demo(), indent=2))
    wine()

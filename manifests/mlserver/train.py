"""Trains a scikit-learn model and writes a folder that MLServer serves.

    train.py FOLDER              writes FOLDER/model.joblib and FOLDER/model-settings.json
    train.py FOLDER --shuffled   the same with shuffled labels: a model that learned nothing, to test gates

Run this where the model is used: a pickled model needs the versions that wrote it, so it is not kept in git.
Data: Breast Cancer Wisconsin (Diagnostic), which is part of the scikit-learn package.
"""

import pathlib
import shutil
import sys

import joblib
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
data = load_breast_cancer()
labels = data.target
if "--shuffled" in sys.argv[2:]:
    labels = np.random.default_rng(1).permutation(labels)
model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(data.data, labels)
joblib.dump(model, folder / "model.joblib")

settings = pathlib.Path(__file__).resolve().parent / "biopsy-screen" / "model-settings.json"
if folder.resolve() != settings.parent:
    shutil.copy(settings, folder / settings.name)

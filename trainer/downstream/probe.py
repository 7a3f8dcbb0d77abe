"""Classify frozen vectors by logistic regression, and score predictions."""

from collections.abc import Callable

import numpy as np

MOST_ITERATIONS = 100  # of Newton's method; it needs some ten
TOLERANCE = 1e-5  # of the gradient, per example


def predict_from_vectors(
    train: np.ndarray, labels: np.ndarray, evaluated: np.ndarray
) -> np.ndarray:
    """Fit logistic regression on standardized vectors, and predict others' labels.

    It is scikit-learn's with its defaults, to which tests compare it: the cross-entropy summed over
    the examples, plus half the squared norm of the coefficients, without that of the intercept.

    Args:
        train: (N, H) float32.
        labels: (N,) int32.
        evaluated: (M, H) float32.

    Returns:
        (M,) int32.
    """
    classes, targets = np.unique(labels, return_inverse=True)
    if len(classes) == 1:  # the others were in no sample, or behind the end of long texts
        return np.full(len(evaluated), classes[0], np.int32)
    mean, deviation = train.mean(0), train.std(0)
    deviation[deviation == 0] = 1
    x, others = (_with_intercept((vectors - mean) / deviation) for vectors in (train, evaluated))
    scores = _scores(others, _fit(x, np.eye(len(classes), dtype=np.float32)[targets]))
    return classes[scores.argmax(1)].astype(np.int32)


def compute_metric(metric: str, labels: np.ndarray, predictions: np.ndarray) -> float:
    """Compute accuracy, macro_f1 or matthews of predictions (S,) for labels (S,)."""
    if metric == "accuracy":
        return float((labels == predictions).mean())
    size = int(max(labels.max(), predictions.max())) + 1
    counts = np.bincount(labels.astype(np.int64) * size + predictions, minlength=size**2)
    confusion = counts.reshape(size, size).astype(np.float64)  # by label and prediction
    right, labeled, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    if metric == "macro_f1":
        occurs = labeled + predicted > 0
        return float((2 * right[occurs] / (labeled + predicted)[occurs]).mean())
    total = labeled.sum()
    spreads = (total**2 - labeled @ labeled) * (total**2 - predicted @ predicted)
    covariance = right.sum() * total - labeled @ predicted
    return float(covariance / np.sqrt(spreads)) if spreads else 0.0


def _fit(x: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Minimize the loss by Newton's method; the problem is convex, so the start does not matter.

    Args:
        x: (N, H + 1), with the intercept's column last.
        targets: (N, C), one-hot.

    Returns:
        (H + 1, C) float32 coefficients; of two classes (H + 1, 1), those of the second.
    """
    targets = targets[:, 1:] if targets.shape[1] == 2 else targets
    penalty = np.ones((x.shape[1], 1), np.float32)
    penalty[-1] = 0
    weights = np.zeros((x.shape[1], targets.shape[1]), np.float32)
    loss = _loss(x, targets, weights, penalty)
    for _ in range(MOST_ITERATIONS):
        probabilities = _softmax(_scores(x, weights))[:, -targets.shape[1] :]
        gradient = x.T @ (probabilities - targets) + penalty * weights
        if np.abs(gradient).max() <= TOLERANCE * len(x):
            break
        step = _solve(_hessian_product(x, probabilities, penalty), gradient)
        while (lower := _loss(x, targets, weights - step, penalty)) > loss:
            step /= 2
            if np.abs(step).max() <= TOLERANCE:  # rounding hides what is left to gain
                return weights
        weights, loss = weights - step, lower
    return weights


def _hessian_product(
    x: np.ndarray, probabilities: np.ndarray, penalty: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that multiplies by the Hessian."""

    def multiply(direction: np.ndarray) -> np.ndarray:
        moved = probabilities * (x @ direction)
        product: np.ndarray = x.T @ (moved - probabilities * moved.sum(1, keepdims=True))
        return product + penalty * direction

    return multiply


def _solve(multiply: Callable[[np.ndarray], np.ndarray], target: np.ndarray) -> np.ndarray:
    """Solve `multiply(x) = target` roughly, by conjugate gradients."""
    solution, residual = np.zeros_like(target), target
    direction, norm = residual, float((residual**2).sum())
    enough = 0.01 * norm
    for _ in range(target.size):
        product = multiply(direction)
        step = norm / max(float((direction * product).sum()), 1e-30)
        solution, residual = solution + step * direction, residual - step * product
        before, norm = norm, float((residual**2).sum())
        if norm <= enough:
            break
        direction = residual + norm / before * direction
    return solution


def _loss(x: np.ndarray, targets: np.ndarray, weights: np.ndarray, penalty: np.ndarray) -> float:
    scores = _scores(x, weights).astype(np.float64)
    highest = scores.max(1)
    total = highest + np.log(np.exp(scores - highest[:, None]).sum(1))
    own = (scores[:, -targets.shape[1] :] * targets).sum(1)
    return float((total - own).sum() + (penalty * weights.astype(np.float64) ** 2).sum() / 2)


def _scores(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the score of each class; of two classes, the first has 0."""
    scores = x @ weights
    return np.pad(scores, [(0, 0), (1, 0)]) if weights.shape[1] == 1 else scores


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(1, keepdims=True))
    probabilities: np.ndarray = powers / powers.sum(1, keepdims=True)
    return probabilities


def _with_intercept(x: np.ndarray) -> np.ndarray:
    return np.pad(x, [(0, 0), (0, 1)], constant_values=1).astype(np.float32)

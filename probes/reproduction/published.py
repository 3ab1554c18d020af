"""In-context accuracies that were published with Xie et al. 2022, at vocabulary size 50."""

__all__ = ["PUBLISHED", "PUBLISHED_LENGTHS", "PUBLISHED_SHOTS", "published_accuracy", "published_growth"]

PUBLISHED_LENGTHS = (3, 5, 8, 10)
"""Example lengths k: the rows of each table below."""

PUBLISHED_SHOTS = (0, 1, 2, 4, 8, 16, 32, 64)
"""Numbers of examples n: the columns of each table below."""

PUBLISHED: dict[str, tuple[tuple[float, ...], ...]] = {
    "transformer-4-layer": (
        (32.1, 32.4, 35.2, 36.2, 38.1, 38.8, 39.8, 41.3),
        (45.8, 47.9, 49.6, 50.4, 49.5, 52.9, 53.5, 54.4),
        (51.6, 56.8, 55.6, 55.3, 57.6, 59.0, 58.6, 60.1),
        (56.6, 59.1, 59.5, 60.6, 59.3, 59.4, 61.4, 60.2),
    ),
    "transformer-12-layer": (
        (36.8, 37.1, 40.6, 43.5, 45.4, 46.9, 50.2, 51.9),
        (54.3, 55.2, 60.0, 64.2, 65.1, 69.8, 71.7, 73.4),
        (63.9, 69.5, 71.4, 73.0, 76.6, 79.4, 79.7, 80.0),
        (69.5, 73.5, 75.2, 78.1, 79.9, 81.2, 82.5, 81.2),
    ),
    "transformer-16-layer": (
        (38.5, 37.1, 41.4, 46.0, 47.4, 50.4, 53.6, 53.7),
        (57.7, 59.1, 63.4, 67.2, 68.4, 73.2, 75.4, 76.8),
        (67.9, 73.7, 75.0, 77.7, 79.8, 83.3, 82.5, 83.5),
        (74.6, 78.0, 79.4, 82.0, 82.7, 84.7, 86.6, 84.7),
    ),
    "lstm-6-layer": (
        (34.1, 37.8, 42.4, 44.9, 44.1, 45.3, 45.0, 45.2),
        (66.6, 77.4, 80.9, 84.6, 84.5, 84.9, 84.6, 84.4),
        (86.9, 93.0, 93.7, 94.6, 94.9, 94.7, 94.1, 94.8),
        (91.7, 94.7, 95.1, 95.3, 95.5, 95.1, 95.5, 95.8),
    ),
    "random-data-4-layer": (
        (1.2, 1.3, 1.2, 1.3, 1.6, 1.8, 1.4, 1.4),
        (1.1, 1.2, 1.2, 1.4, 1.8, 1.5, 1.3, 1.1),
        (1.2, 1.2, 1.4, 1.5, 1.4, 1.5, 1.5, 1.2),
        (1.0, 1.3, 1.4, 1.4, 1.5, 1.5, 1.2, 1.3),
    ),
    "single-concept-4-layer": (
        (23.0, 20.3, 21.6, 19.6, 20.8, 21.7, 20.9, 21.5),
        (23.5, 23.0, 22.6, 22.7, 23.5, 22.4, 22.6, 22.9),
        (24.7, 24.2, 23.5, 24.0, 23.9, 22.4, 23.6, 22.1),
        (23.4, 24.2, 25.4, 23.5, 24.6, 24.3, 23.8, 21.8),
    ),
    "unseen-concepts-4-layer": (
        (10.3, 9.4, 9.6, 10.1, 9.2, 9.2, 9.5, 9.0),
        (10.8, 9.6, 10.7, 10.4, 9.9, 10.4, 10.2, 9.4),
        (12.2, 11.4, 11.7, 11.1, 11.4, 10.5, 11.2, 10.7),
        (12.5, 11.9, 11.2, 11.3, 11.8, 11.9, 11.3, 11.3),
    ),
    "fast-changing-entities-4-layer": (
        (19.6, 20.2, 20.8, 21.8, 21.1, 22.1, 22.8, 20.7),
        (23.8, 27.4, 28.0, 29.1, 27.5, 25.2, 22.9, 26.6),
        (30.2, 30.0, 30.1, 28.6, 28.7, 27.4, 27.6, 26.6),
        (30.7, 30.8, 30.2, 30.3, 28.1, 28.8, 28.9, 28.1),
    ),
}
"""Experiment → accuracy in percent for each k and n, a mean over five pretraining runs.

Read off the outputs of the plotting notebook that the authors published with Xie (Figures 3 to 6; the fast-changing
entities stand in the notebook only). Half-widths of the 95 % intervals run from 0.1 to 8.2 points, 1.7 in the middle.
"""


def published_accuracy(experiment: str, *, num_shots: int) -> float:
    """Average the published accuracies at one number of examples over the four example lengths; percent."""
    column = PUBLISHED_SHOTS.index(num_shots)
    return sum(row[column] for row in PUBLISHED[experiment]) / len(PUBLISHED_LENGTHS)


def published_growth(experiment: str) -> float:
    """Published accuracy at 64 examples minus that at none, averaged over the four example lengths; points."""
    return published_accuracy(experiment, num_shots=64) - published_accuracy(experiment, num_shots=0)

"""What the server counts about itself."""

from echo.observation import metrics


def get_metrics() -> tuple[str, int, dict[str, str]]:
    """The counts of all workers in Prometheus' text format."""
    return metrics.render(), 200, {"Content-Type": metrics.CONTENT_TYPE}

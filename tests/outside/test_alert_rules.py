"""Prometheus's own tool reads the alert rules and the scrape configuration, and the rules fire when they should."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "deploy" / "observability"
pytestmark = pytest.mark.skipif(
    not os.environ.get("ASSAY_TEST_OUTSIDE"), reason="needs Debian packages; run `make test-outside`"
)
SITUATION = """
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - {series: 'assay_queue_age_seconds{state="screened", instance="a"}', values: '3000+60x60'}
      - {series: 'assay_queue_age_seconds{state="awaiting_review", instance="a"}', values: '900000x60'}
      - {series: 'assay_workers{instance="a"}', values: '2x60'}
      - {series: 'assay_database_up{instance="a"}', values: '1x60'}
      - {series: 'assay_witness_behind_entries{instance="a", witness="w"}', values: '3x60'}
      - {series: 'assay_witness_age_seconds{instance="a", witness="w"}', values: '0+60x60'}
    alert_rule_test:
      - {eval_time: 5m, alertname: AssayQueueIsOld}
      - eval_time: 40m
        alertname: AssayQueueIsOld
        exp_alerts:
          - exp_labels: {severity: page}
            exp_annotations:
              summary: An episode has been on its way for more than an hour
              action: Compare assay_queue_episodes by state, and add workers, or mend what its stage needs.
      - {eval_time: 40m, alertname: AssayNoWorker}
      - {eval_time: 40m, alertname: AssayDatabaseAway}
      - {eval_time: 10m, alertname: AssayWitnessIsBehind}
  - interval: 1m
    input_series:
      - {series: 'assay_workers{instance="a"}', values: '0x10'}
    alert_rule_test:
      - eval_time: 5m
        alertname: AssayNoWorker
        exp_alerts:
          - exp_labels: {severity: page}
            exp_annotations:
              summary: No worker says that it is alive
              action: Start one; docs/operations.md says what stops a worker from starting, and its log names it.
"""


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    assert program, "promtool is missing; install it first: apt-get install prometheus"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_and_configuration_are_read() -> None:
    promtool("check", "rules", str(FOLDER / "alerts.yaml"))
    promtool("check", "config", str(FOLDER / "prometheus.yaml"))


def test_rules_fire_when_they_should_and_not_before(tmp_path: Path) -> None:
    situation = tmp_path / "situation.yaml"
    situation.write_text(SITUATION.replace("RULES", str(FOLDER / "alerts.yaml")))
    promtool("test", "rules", str(situation))

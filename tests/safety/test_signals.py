"""SIGINT and SIGTERM end a program even if the first exception that they make is lost."""

import os
import signal
import subprocess
import sys

import pytest

from tests.support.stress import ROOT

# Python drops what is raised within a destructor.
LOST = """
import os, signal, sys, time
from flow_steps.safety import signals
signals.install()
class Deaf:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[1]))
        time.sleep(0.01)
Deaf()
time.sleep(60)
print("never told")
"""
# Once a program is ending, a second signal of a scheduler does not come in between; a person who insists does.
BUSY = """
import os, signal, sys, time
from flow_steps.safety import signals
signals.install()
try:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(60)
finally:
    signals.acknowledge()
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(0.01)
    print("ended in order")
"""

# A call to MLflow is let finish, but not for ever.
IN_MLFLOW = """
import os, signal, sys, time
from flow_steps.safety import signals
signals._PATIENCE = float(sys.argv[2])
signals.install()
call = "os.kill(os.getpid(), int(sys.argv[1])); time.sleep(1); print('finished', flush=True)"
exec(call, {"__name__": "mlflow.store.tracking", "os": os, "signal": signal, "sys": sys, "time": time})
time.sleep(60)
print("never told")
"""

# A run that fails need not be the end of the program.
FAILED = """
import os, signal, sys, time
from flow_steps.runs import tracking
from flow_steps.safety import signals
signals.install()
tracking._end = lambda run_id, status: print(status, flush=True)
try:
    with tracking.ending("run"):
        raise ValueError
except ValueError:
    pass
with tracking.ending("another run"):
    os.kill(os.getpid(), int(sys.argv[1]))
    time.sleep(60)
"""


def ended(program, number, *words):
    return subprocess.run(
        [sys.executable, "-c", program, str(int(number)), *words], env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=50,
    )  # fmt: skip


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_signal_whose_exception_is_lost_comes_again(number, code):
    done = ended(LOST, number)
    assert "Exception ignored in" in done.stderr
    assert done.returncode == code
    assert "never told" not in done.stdout


@pytest.mark.parametrize(("number", "orderly"), [(signal.SIGTERM, True), (signal.SIGINT, False)])
def test_a_program_that_is_ending_is_disturbed_by_a_person_alone(number, orderly):
    assert ("ended in order" in ended(BUSY, number).stdout) is orderly


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
@pytest.mark.parametrize(("patience", "printed"), [("50", "finished\n"), ("0.2", "")])
def test_a_call_to_mlflow_is_let_finish_but_not_for_ever(number, code, patience, printed):
    done = ended(IN_MLFLOW, number, patience)
    assert (done.returncode, done.stdout) == (code, printed)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, -signal.SIGINT)])
def test_a_program_one_of_whose_runs_failed_can_still_be_told(number, code):
    done = ended(FAILED, number)
    assert (done.returncode, done.stdout) == (code, "FAILED\nKILLED\n")

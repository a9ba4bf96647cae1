import pytest

from shared.errors import ConfigurationFault, RoostError, SignInRefused, Stopping, TryLater
from shared.exits import Exit


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RoostError, 1),
        (ConfigurationFault, 78),
        (SignInRefused, 77),
        (TryLater, 69),
        (Stopping, 0),
    ],
)
def test_each_error_leaves_with_the_code_of_the_manual(error, code):
    assert error("x").exit == code
    assert issubclass(error, RoostError)


def test_only_a_person_can_help_after_77_and_78():
    assert {code for code in Exit if code.needs_a_person} == {Exit.SIGN_IN_REFUSED, Exit.MISCONFIGURED}

"""Why a process left: the whole grammar of exit codes between worker and supervisor."""

import enum


class Exit(enum.IntEnum):
    """A worker's last word. The supervisor reads nothing else to choose what to do.

    The numbers above 63 are those of sysexits.h, so that systemd and shells show a name for them.
    """

    DONE = 0
    CRASHED = 1
    UNAVAILABLE = 69  # the platform did not answer for too long: try again later
    SIGN_IN_REFUSED = 77  # the user must sign in: no number of restarts will help
    MISCONFIGURED = 78  # the operator must change the configuration

    @property
    def needs_a_person(self) -> bool:
        """Whether a restart is pointless until somebody has acted."""
        return self in {Exit.SIGN_IN_REFUSED, Exit.MISCONFIGURED}

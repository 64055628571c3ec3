"""What can go wrong with packages, as classes that callers can tell apart."""

from __future__ import annotations

import errno

from provisiond.errors import AlreadyExists, InProgress, PackageProblem, UnknownReference


class ArchiveProblem(PackageProblem):
    """An archive is broken, hostile, larger than allowed, or not what it says it is."""

    code = "archive-problem"


class RepositoryProblem(PackageProblem):
    """A repository's index cannot be fetched, or is not an index."""

    code = "repository-problem"


class DefinitionProblem(PackageProblem):
    """A section of ``pkgs/`` is wrong; the packages that need it cannot be installed."""

    code = "package-definition"


class DownloadProblem(PackageProblem):
    """A file could not be fetched."""

    code = "download-failed"


class InvalidCredentials(DownloadProblem):
    """The server that holds the file wants other credentials."""

    code = "invalid-credentials"


class CorruptedFile(DownloadProblem):
    """A file does not have the size or the digest that its definition gives."""

    code = "corrupted-file"


class Aborted(DownloadProblem):
    """A download was stopped: larger than allowed, no room on the disk, or cancelled."""

    code = "download-aborted"


class InstallationProblem(PackageProblem):
    """A package's files could not be unpacked or put in place."""

    code = "installation-failed"


class StepGraphProblem(InstallationProblem, DefinitionProblem):
    """The steps of an install section do not make a graph that can be run."""

    code = "step-graph"


class AlreadyRunning(InProgress, PackageProblem):
    """The same package is being installed, upgraded or removed."""

    code = "in-progress"


class AlreadyInstalled(AlreadyExists, PackageProblem):
    """The plugin is on the disk already, loadable or not."""

    code = "already-exists"


class UnknownPackage(UnknownReference, PackageProblem):
    """No such package or plugin."""

    code = "unknown-reference"


def disk_sentence(error: OSError) -> str:
    """Return what an administrator can do about a failed file operation, without naming the server's paths."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the server may not write to its own directories"
    return f"a file operation failed: {error.strerror or type(error).__name__}"

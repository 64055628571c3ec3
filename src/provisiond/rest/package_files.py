"""The files that a plugin's packages are made from: ours, beyond the contract."""

from __future__ import annotations

from typing import Final

from provisiond.provisioning.package_files import PackageFiles
from provisiond.rest.answers import NO_CONTENT, Answer, moment
from provisiond.rest.bodies import Body, UploadBody
from provisiond.rest.operations import begun
from provisiond.rest.our_documents import LinkCheck, PackageDetails
from provisiond.rest.packages import ACL, BEGUN, PATH, UNKNOWN
from provisiond.rest.routing import Call, route

FILE_UPLOADS: Final = (rb"/(provd|0\.2|api/provd/0\.2)/pg_mgr/plugins/[^/]+/install/files/",)


class CheckBody(Body):
    """How to check links.

    ``whole``: download every file and compare its digest; else only its presence and size are asked for.
    """

    whole: bool = False


class PackageFileResources:
    """What programs can learn of firmware files, and bring."""

    def __init__(self, files: PackageFiles) -> None:
        self._files = files

    @route(
        "GET",
        f"{PATH}/details",
        f"{ACL}.details.read",
        "List a plugin's packages with their files, digests and problems (ours)",
        statuses=UNKNOWN,
        response=PackageDetails,
    )
    async def details(self, call: Call) -> Answer:
        """Return everything about the packages, those included that are defined wrongly."""
        return Answer(document={"pkgs": await self._files.details(call.arguments["plugin"])})

    @route(
        "PUT",
        f"{PATH}/files/<name>",
        f"{ACL}.files.update",
        "Bring a file that cannot be downloaded (ours)",
        upload=True,
        statuses={204: "Kept.", 400: "No package wants a file of this name, or it is another file.", **UNKNOWN},
    )
    async def bring(self, call: Call) -> Answer:
        """Keep a manual file."""
        content = call.body_as(UploadBody).content
        await self._files.take(call.arguments["plugin"], call.arguments["name"], content)
        return NO_CONTENT

    @route(
        "POST",
        f"{PATH}/check",
        f"{ACL}.check.create",
        "Check whether the links of a plugin's files still work (ours)",
        body=CheckBody,
        statuses={**BEGUN, 400: "In progress."},
    )
    async def check(self, call: Call) -> Answer:
        """Begin to ask the servers."""
        return begun(call, await self._files.check(call.arguments["plugin"], whole=call.body_as(CheckBody).whole))

    @route(
        "GET",
        f"{PATH}/check",
        f"{ACL}.check.read",
        "What the last check of a plugin's links found (ours)",
        statuses=UNKNOWN,
        response=LinkCheck,
    )
    async def checked(self, call: Call) -> Answer:
        """Return the state of each file; ``ended`` is null when nothing was checked since the server started."""
        found = await self._files.last_check(call.arguments["plugin"])
        if found is None:
            return Answer(document={"ended": None, "whole": False, "files": []})
        return Answer(document={"ended": moment(found.ended), "whole": found.whole, "files": found.rows()})

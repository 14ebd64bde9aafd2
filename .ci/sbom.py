"""What a build of mlctl is made of, as a CycloneDX document: Swift packages, C sources within them, system libraries,
Python requirements of the runtimes that are tried with it, and the base images.

The same inputs give the same bytes: there is no time in it but SOURCE_DATE_EPOCH, and its serial number is made of its
content. Nothing is asked over a network.

    python sbom.py ROOT OUTPUT
"""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys
import uuid

from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, Property, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.model.license import DisjunctiveLicense, LicenseExpression
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

SCHEMA = SchemaVersion.V1_6
NAMESPACE = uuid.UUID("6f0f1d4e-6a5b-5d38-9a5e-2f6d3a1c7b10")

# Libraries of the system that the program is linked with, and programs that it calls: Debian's packages, with licences that
# a machine can read where Debian's copyright file names several.
LINKED = {
    "libcurl4": "curl",
    "libsqlite3-0": "blessing",
    "libstdc++6": "GPL-3.0-or-later WITH GCC-exception-3.1",
    "libc6": "LGPL-2.1-or-later",
    "zlib1g": "Zlib",
}
CALLED = {"git": "GPL-2.0-only", "openssh-client": "BSD-2-Clause"}

# C sources that Swift packages carry with them: where their version stands, and what they are under, where that does not
# depend on the revision.
CARRIED = [
    ("swift-nio-ssl", "boringssl", "Sources/CNIOBoringSSL/hash.txt", r"revision ([0-9a-f]{40})", None),
    ("swift-crypto", "boringssl", "Sources/CCryptoBoringSSL/hash.txt", r"revision ([0-9a-f]{40})", None),
    (
        "swift-nio",
        "llhttp",
        "Sources/CNIOLLHTTP/include/c_nio_llhttp.h",
        r"VERSION_MAJOR (\d+)\s+#define LLHTTP_VERSION_MINOR (\d+)\s+#define LLHTTP_VERSION_PATCH (\d+)",
        "MIT",
    ),
    ("yams", "libyaml", "Sources/CYaml/src/api.c", None, "MIT"),
]


def main(root, output):
    pins = json.loads((root / "Package.resolved").read_text())["pins"]
    tree = json.loads(run(["swift", "package", "--ignore-lock", "show-dependencies", "--format", "json"], root))
    bom = Bom()
    program = Component(
        name="mlctl", version=own_version(root), type=ComponentType.APPLICATION, bom_ref="mlctl", licenses=licence("Apache-2.0"),
    )
    bom.metadata.component = program
    packages = {pin["identity"]: swift_package(pin, root) for pin in pins}
    carried = [(packages[owner], component) for owner, component in carried_sources(root) if owner in packages]
    system = [debian(name, text, linked) for names, linked in ((LINKED, True), (CALLED, False)) for name, text in names.items()]
    python = python_requirements(root)
    images = base_images(root)
    for component in [*packages.values(), *(component for _, component in carried), *system, *python, *images]:
        bom.components.add(component)
    depend(bom, program, tree, packages)
    for owner, component in carried:
        bom.register_dependency(owner, [component])
    bom.register_dependency(program, system)
    write(bom, output)
    print(f"{output}: {len(bom.components)} components, CycloneDX {SCHEMA.to_version()}, valid")


def run(command, folder):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, timeout=300).stdout.decode()


def own_version(root):
    text = (root / "Sources/Commands/MLCTL.swift").read_text()
    return re.search(r'enum Version \{\s+public static let text = "([^"]+)"', text).group(1)


def licence(text):
    if text is None:
        return []
    return [LicenseExpression(text)] if " " in text else [DisjunctiveLicense(id=text)]


# Swift


def swift_package(pin, root):
    location, state = pin["location"].removesuffix(".git"), pin["state"]
    host, _, path = location.removeprefix("https://").partition("/")
    folder = root / ".build/checkouts" / pathlib.PurePosixPath(path).name
    return Component(
        name=pin["identity"],
        version=state.get("version") or state["revision"],
        group=f"{host}/{path.rpartition('/')[0]}",
        type=ComponentType.LIBRARY,
        bom_ref=f"swift:{pin['identity']}",
        purl=PackageURL("swift", f"{host}/{path.rpartition('/')[0]}", path.rpartition("/")[2], state.get("version")),
        licenses=licence(licence_of(folder)),
        external_references=[
            ExternalReference(
                type=ExternalReferenceType.VCS, url=XsUri(location), hashes=[HashType(alg=HashAlgorithm.SHA_1, content=state["revision"])]
            )
        ],
        properties=[Property(name="mlctl:revision", value=state["revision"])],
    )


def licence_of(folder):
    """By the licence's own words; None where they are not known here."""
    for name in ("LICENSE.txt", "LICENSE", "LICENSE.md"):
        if not (folder / name).is_file():
            continue
        text = " ".join((folder / name).read_text(errors="replace").split())
        if "Apache License Version 2.0" in text:
            exception = "Runtime Library Exception" in text
            return "Apache-2.0 WITH Swift-exception" if exception else "Apache-2.0"
        if "Permission is hereby granted, free of charge" in text:
            return "MIT"
    return None


def carried_sources(root):
    folders = {path.name.lower(): path for path in sorted((root / ".build/checkouts").iterdir())}
    for owner, name, place, pattern, licence_id in CARRIED:
        file = folders[owner] / place
        if not file.is_file():
            continue
        found = re.search(pattern, file.read_text(errors="replace")) if pattern else None
        version = ".".join(found.groups()) if found else None
        yield owner, Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"carried:{owner}/{name}",
            licenses=licence(licence_id),
            properties=[Property(name="mlctl:carriedBy", value=owner)],
        )


def depend(bom, program, tree, packages):
    def visit(node, component):
        known = [(child, packages.get(child["identity"])) for child in node.get("dependencies", [])]
        bom.register_dependency(component, [found for _, found in known if found is not None])
        for child, found in known:
            if found is not None:
                visit(child, found)

    visit(tree, program)


# Debian


def debian(name, text, linked):
    found = subprocess.run(
        ["dpkg-query", "-W", "-f=${Version} ${Architecture} ${db:Status-Abbrev}", name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ).stdout.decode().split()
    installed = len(found) == 3 and found[2].startswith("ii")
    release = dict(line.split("=", 1) for line in pathlib.Path("/etc/os-release").read_text().splitlines() if "=" in line)
    distribution = release.get("ID", "debian").strip('"')
    qualifiers = {"arch": found[1], "distro": f"{distribution}-{release.get('VERSION_ID', '').strip(chr(34))}"} if installed else None
    return Component(
        name=name,
        version=found[0] if installed else None,
        type=ComponentType.LIBRARY if linked else ComponentType.APPLICATION,
        bom_ref=f"deb:{name}",
        scope=ComponentScope.REQUIRED,
        purl=PackageURL("deb", distribution, name, found[0] if installed else None, qualifiers),
        licenses=licence(text),
        properties=[Property(name="mlctl:use", value="linked" if linked else "called")],
    )


# Python


def python_requirements(root):
    found = {}
    for file in sorted(root.glob("manifests/**/requirements*.txt")):
        for name, version in re.findall(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", file.read_text(), re.M):
            found.setdefault((name.lower().replace("_", "-"), version), []).append(str(file.relative_to(root)))
    return [
        Component(
            name=name,
            version=version,
            type=ComponentType.LIBRARY,
            bom_ref=f"pypi:{name}@{version}",
            scope=ComponentScope.OPTIONAL,
            purl=PackageURL("pypi", None, name, version),
            properties=[Property(name="mlctl:file", value=file) for file in files],
        )
        for (name, version), files in sorted(found.items())
    ]


# Images


def base_images(root):
    recipe = (root / "controller/Containerfile").read_text()
    values = dict(re.findall(r"^ARG (\w+)=(\S+)$", recipe, re.M))
    for line in re.findall(r"^FROM (\S+)", recipe, re.M):
        image = re.sub(r"\$\{(\w+)\}", lambda match: values[match.group(1)], line)
        place, _, digest = image.partition("@")
        name, _, tag = place.rpartition(":")
        yield Component(
            name=name,
            version=tag,
            type=ComponentType.CONTAINER,
            bom_ref=f"oci:{place}",
            scope=ComponentScope.OPTIONAL,
            purl=PackageURL("oci", None, name.rpartition("/")[2], digest or None, {"repository_url": name, "tag": tag}),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest.partition(":")[2])] if digest else [],
        )


# Writing


def write(bom, output):
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    bom.metadata.supplier = OrganizationalEntity(name="mlctl")
    bom.serial_number = uuid.UUID(int=0)
    bom.metadata.timestamp = datetime.datetime.fromtimestamp(int(epoch or 0), datetime.timezone.utc)
    document = json.loads(make_outputter(bom, OutputFormat.JSON, SCHEMA).output_as_string())
    if epoch is None:
        del document["metadata"]["timestamp"]
    del document["serialNumber"]
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(NAMESPACE, json.dumps(document, sort_keys=True))}"
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    problem = JsonStrictValidator(SCHEMA).validate_str(text)
    if problem is not None:
        sys.exit(f"the document is not valid: {problem}")
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(text)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve())

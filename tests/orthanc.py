"""A server for a single test: Orthanc on loopback, with a user, a password and an empty store."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PLUGIN: Final = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "tester", "secret-of-a-test"
TITLE = "ORTHANC"
PATIENCE_S: Final = 30.0


@dataclass(frozen=True)
class Addresses:
    """Where the server is: its DICOMweb service, its application entity, and the port that it sends to."""

    web: str
    entity: str
    receive: int


def missing() -> str:
    """Return what is missing to start Orthanc, empty if nothing."""
    if shutil.which("Orthanc") is None:
        return "Orthanc is not installed"
    return "" if PLUGIN.exists() else "the DICOMweb plugin of Orthanc is not installed"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def orthanc(folder: Path) -> Iterator[Addresses]:
    """Run Orthanc, and yield its addresses."""
    port, dicom, receive = free_port(), free_port(), free_port()
    settings = {
        "StorageDirectory": str(folder / "store"),
        "IndexDirectory": str(folder / "store"),
        "HttpPort": port,
        "DicomAet": TITLE,
        "DicomPort": dicom,
        "DicomCheckCalledAet": True,
        "DicomModalities": {"ours": ["MEDPAINT", "127.0.0.1", receive]},
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": True,
        "RegisteredUsers": {USER: PASSWORD},
        "OverwriteInstances": True,
        "Plugins": [str(PLUGIN)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
        try:
            _wait(port, process, folder / "log")
            web = f"http://127.0.0.1:{port}/dicom-web"
            yield Addresses(web, f"dicom://{TITLE}@127.0.0.1:{dicom}", receive)
        finally:
            process.terminate()
            process.wait(PATIENCE_S)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/system", timeout=1.0)
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    message = f"Orthanc did not start: {log.read_text()[-2000:]}"
    raise RuntimeError(message)

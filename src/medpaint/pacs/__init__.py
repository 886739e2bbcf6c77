"""A DICOMweb server as the source of scans and the destination of products."""

from medpaint.pacs.credentials import Credentials, read_credentials
from medpaint.pacs.server import RemoteSeries, Server, check_uids

__all__ = ["Credentials", "RemoteSeries", "Server", "check_uids", "read_credentials"]

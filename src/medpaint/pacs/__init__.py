"""Servers that scans come from and products go to, by DICOMweb or DIMSE."""

from medpaint.pacs.connection import connect
from medpaint.pacs.credentials import Credentials, read_credentials
from medpaint.pacs.remote import RemoteSeries, Server, check_uids

__all__ = ["Credentials", "RemoteSeries", "Server", "check_uids", "connect", "read_credentials"]

"""Servers as the source of scans and the destination of products, by DICOMweb or DIMSE."""

from medpaint.pacs.connection import connect
from medpaint.pacs.credentials import Credentials, read_credentials
from medpaint.pacs.remote import RemoteSeries, Server, check_uids

__all__ = ["Credentials", "RemoteSeries", "Server", "check_uids", "connect", "read_credentials"]

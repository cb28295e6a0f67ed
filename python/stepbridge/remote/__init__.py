"""Remote files: their listing, and copies of them that the local reader reads. Loaded when an address is used."""

from stepbridge.remote._address import parse_address
from stepbridge.remote._mirror import LIMIT, Mirror
from stepbridge.remote._opening import listing
from stepbridge.remote._store import RemoteFile

__all__ = ["LIMIT", "Mirror", "RemoteFile", "listing", "parse_address"]

"""Remote files: their listing, and copies of them that the local reader reads. Loaded when an address is used."""

from stepbridge.remote._address import parse_address
from stepbridge.remote._copy_cache import CopyCache
from stepbridge.remote._copying import RemoteCopy
from stepbridge.remote._mirror import LIMIT, Mirror, of_all
from stepbridge.remote._naming import naming_addresses
from stepbridge.remote._opening import listing
from stepbridge.remote._store import RemoteFile
from stepbridge.remote._tree import RunFolders, TreeListing, clause_of, database_of, problem_of

__all__ = [
    "LIMIT",
    "CopyCache",
    "Mirror",
    "RemoteCopy",
    "RemoteFile",
    "RunFolders",
    "TreeListing",
    "clause_of",
    "database_of",
    "listing",
    "naming_addresses",
    "of_all",
    "parse_address",
    "problem_of",
]

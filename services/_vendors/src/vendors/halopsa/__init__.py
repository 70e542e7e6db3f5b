"""HaloPSA's API: what billing reads of it and writes to it."""

from vendors.calls import Line
from vendors.halopsa.address import halo_url
from vendors.halopsa.auth import HaloCredentials
from vendors.halopsa.client import Halo
from vendors.halopsa.documents import HaloInvoice, HaloLine
from vendors.halopsa.licences import HaloLicence, HaloLicenceChange
from vendors.halopsa.models import (
    HaloAssetGroup,
    HaloAuthInfo,
    HaloClient,
    HaloCurrency,
    HaloIntegrationError,
    HaloItem,
    HaloLookup,
    HaloSupplier,
    HaloTax,
    HaloXeroDetails,
)

__all__ = [
    "Halo",
    "HaloAssetGroup",
    "HaloAuthInfo",
    "HaloClient",
    "HaloCredentials",
    "HaloCurrency",
    "HaloIntegrationError",
    "HaloInvoice",
    "HaloItem",
    "HaloLicence",
    "HaloLicenceChange",
    "HaloLine",
    "HaloLookup",
    "HaloSupplier",
    "HaloTax",
    "HaloXeroDetails",
    "Line",
    "halo_url",
]

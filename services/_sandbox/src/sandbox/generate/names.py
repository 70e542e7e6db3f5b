"""Names of companies: ordinary ones, and those that break careless code."""

from random import Random

_FIRST = (
    "Larkfield Ashgrove Brindle Cobalt Dunmore Eastgate Fenwick Granary Hollow Ironbridge "
    "Juniper Kestrel Longmead Marlow Northcote Oakhurst Pendle Quarry Redcliff Stanmore "
    "Thornbury Underhill Verity Wexford Yarrow Zephyr Amber Birch Copper Delta"
).split()
_SECOND = (
    "Dental|Legal|Logistics|Foods|Architects|Veterinary|Engineering|Travel|Insurance|Optics|"
    "Printing|Schools|Farms|Charity|Motors|Interiors|Energy|Pharmacy|Textiles|Recruitment"
).split("|")

HOSTILE = (
    'O\'Brien "Quoted" & Söhne \\ Co; DROP TABLE clients',
    "Line\nBreak\tand Tab Ltd",
    "株式会社 東京データ管理",
    "שלום טכנולוגיות \u202e(1) בע״מ",
    "Emoji 🦷👩‍⚕️ Clinic 🇬🇧",
    "=HYPERLINK(1,2)+cmd|' /C calc'!A0",
    "Long " + "and longer " * 26 + "end",
)


def ordinary(rng: Random, count: int) -> list[str]:
    """Distinct names; a number is added once the combinations are used up."""
    every = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    rng.shuffle(every)
    rounds = range(-(-count // len(every)))
    return [f"{name} {lap + 1}" if lap else name for lap in rounds for name in every][:count]

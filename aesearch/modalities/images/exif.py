"""What a picture says of itself: when and where it was taken (EXIF)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Any

from PIL import Image

from aesearch.modalities.images.formats import identified

CAMERA, PLACE = 0x8769, 0x8825  # directories of tags
TAKEN, DIGITIZED, CHANGED = 0x9003, 0x9004, 0x0132
MOMENT = re.compile(r"(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d):(\d\d):(\d\d))?", re.ASCII)
DIGITS = 5  # of degrees: a meter
Said = dict[str, str | float]


def said_by(path: Path) -> Said:
    """Date and place of a picture, from the head of its file; {} of one that says neither.

    Returns
    -------
    dict
        exif.date: as ISO, in the time of the camera. exif.place: degrees north and east, "48.36651,
        10.89461" without the space; exif.latitude and exif.longitude: the same as numbers.

    Raises
    ------
    OSError
        If the file cannot be opened.
    """
    with path.open("rb") as stream, suppress(Exception):  # whatever damaged tags lead to
        image = identified(stream)
        if image.format == "PNG" and "exif" not in image.info:  # it would be decoded to look
            return {}
        return _said(image.getexif())
    return {}


def _said(tags: Image.Exif) -> Said:
    camera = tags.get_ifd(CAMERA)
    moments = (camera.get(TAKEN), camera.get(DIGITIZED), tags.get(CHANGED))
    moment = next(filter(None, map(_moment, moments)), "")
    return ({"exif.date": moment} if moment else {}) | _place(tags.get_ifd(PLACE))


def _moment(value: Any) -> str:
    found = MOMENT.match(str(value or ""))
    if not found:
        return ""
    try:
        moment = datetime(*(int(part or 0) for part in found.groups()))  # type: ignore[arg-type]
    except ValueError:  # 0000:00:00 where a camera does not know
        return ""
    return moment.isoformat()


def _place(tags: Mapping[int, Any]) -> Said:
    with suppress(Exception):
        north, east = _degrees(tags[2], tags.get(1)), _degrees(tags[4], tags.get(3))
        if abs(north) <= 90 and abs(east) <= 180:
            place = f"{north:.{DIGITS}f},{east:.{DIGITS}f}"
            return {"exif.place": place, "exif.latitude": north, "exif.longitude": east}
    return {}


def _degrees(parts: Any, side: Any) -> float:
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    if not isfinite(value):
        raise ValueError(value)
    letter = side.decode() if isinstance(side, bytes) else str(side or "")
    return round(-value if letter[:1].upper() in ("S", "W") else value, DIGITS)

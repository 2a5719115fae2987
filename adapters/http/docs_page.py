"""The page that shows the API description in a browser: three small files of our own."""

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "pages"
PAGE: Final = (FOLDER / "api.html").read_bytes()
SCRIPT: Final = (FOLDER / "api.js").read_bytes()
STYLE: Final = (FOLDER / "api.css").read_bytes()

"""Copies what we use of nhsuk-frontend into our static files: prebuilt CSS and JavaScript, and the icons the CSS names.

Left behind: the NHS logo (favicons, social image: trade marks), and the two `@font-face` rules that would fetch Frutiger
from another host (a licensed font, and against our own content policy); Arial stands in.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

TARGET = Path(__file__).resolve().parents[3] / "static" / "nhsuk"
_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_ICON = re.compile(r"url\((?:\"|')?/assets/(images/[\w.-]+)(?:\"|')?\)")
_SOURCE_MAP = re.compile(r"(/\*#|//#) sourceMappingURL=[^\n*]*(\*/)?")


class Command(BaseCommand):
    help = __doc__ or ""
    requires_system_checks: list[str] = []  # type: ignore[assignment]  # noqa: RUF012

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--from", dest="source", default="node_modules/nhsuk-frontend", help="folder of the npm package")

    def handle(self, *args: Any, **options: Any) -> None:
        built = Path(options["source"]) / "dist" / "nhsuk"
        if not (built / "nhsuk-frontend.min.css").exists():
            raise CommandError(f"{built} has no nhsuk-frontend.min.css. Run `npm ci` (or `make frontend`) in the project folder first.")
        TARGET.mkdir(parents=True, exist_ok=True)
        icons = self._write_css(built)
        script = _SOURCE_MAP.sub("", (built / "nhsuk-frontend.min.js").read_text(encoding="utf-8"))
        (TARGET / "nhsuk-frontend.min.js").write_text(script, encoding="utf-8")
        for icon in icons:
            (TARGET / icon).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(built / "assets" / icon, TARGET / icon)
        self._write_notice(Path(options["source"]))
        self.stdout.write(f"collected nhsuk-frontend: style, script and {len(icons)} icons")

    def _write_css(self, built: Path) -> list[str]:
        css = _FONT_FACE.sub("", (built / "nhsuk-frontend.min.css").read_text(encoding="utf-8"))
        css = _SOURCE_MAP.sub("", css)
        icons = sorted(set(_ICON.findall(css)))
        css = _ICON.sub(r"url(\1)", css)
        if "assets.nhs.uk" in css or "url(/assets" in css:
            raise CommandError("nhsuk-frontend's CSS names addresses this command does not know. Look at it before shipping it.")
        (TARGET / "nhsuk-frontend.min.css").write_text(css, encoding="utf-8")
        return icons

    @staticmethod
    def _write_notice(package: Path) -> None:
        about = json.loads((package / "package.json").read_text(encoding="utf-8"))
        readme = (package / "README.md").read_text(encoding="utf-8")
        licence = readme.partition("## Licence")[2].strip()
        heading = f"{about['name']} {about['version']}, licence {about['license']}"
        notice = f"{heading}\n\n{licence}\n\nFont rules, logos and source maps were left out.\n"
        (TARGET / "NOTICE.txt").write_text(notice, encoding="utf-8")

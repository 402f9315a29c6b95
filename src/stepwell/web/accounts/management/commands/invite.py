from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.urls import reverse

from stepwell.errors import Refused
from stepwell.web.accounts import selectors, services, staff
from stepwell.web.accounts.models import User
from stepwell.web.core import clock
from stepwell.web.core.actor import Actor


class Command(BaseCommand):
    help = (
        "Give somebody a role and print the path of their link, which works once and for a day: for the first manager of an "
        "organisation. With --reset, set the sign-in of somebody anew who lost it and works at several places."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--name", default="", help="their name, when they are new")
        parser.add_argument("--title", default="")
        parser.add_argument("--at", help="ODS code of the organisation")
        parser.add_argument("--as", dest="role", help="role, for example: practice manager")
        parser.add_argument("--reset", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        actor = Actor.system("setup")
        user = User.objects.filter(username__iexact=options["username"]).first()
        try:
            with transaction.atomic():
                token = self._reset(actor, user) if options["reset"] else self._invite(actor, user, options)
        except Refused as refusal:
            raise CommandError(str(refusal)) from refusal
        self.stdout.write(reverse("accounts:use_invitation", args=[token]) if token else "They have the role and sign in as before.")

    def _reset(self, actor: Actor, user: User | None) -> str:
        if user is None:
            raise Refused("Nobody signs in by this name.")
        return staff.set_anew(actor, user)

    def _invite(self, actor: Actor, user: User | None, options: dict[str, Any]) -> str:
        organisation = selectors.organisation(options["at"] or "")
        if organisation is None or not options["role"]:
            raise Refused("Say where with --at CODE (a registered organisation) and as what with --as ROLE.")
        if user is None and not options["name"]:
            raise Refused("Give their name with --name.")
        found = user or services.create_user(actor, username=options["username"], name=options["name"], title=options["title"])
        services.add_membership(actor, user=found, organisation=organisation, role_key=options["role"], from_on=clock.today())
        return "" if user is not None and user.has_usable_password() else staff.invitation(actor, found, staff.JOIN)
